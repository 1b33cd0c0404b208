"""What the server refuses or escapes, one test each; more of the kind is in `test_api` and `test_ui`."""

import base64
from html import escape
from pathlib import Path

import pytest

from app.access import EVERYBODY, Access, access_at
from app.accounts import Accounts, AccountsError, hashed
from app.limits import SHARED, Limits
from app.settings import Settings
from app.ui.folders import AllowedFolders
from app.ui.visitor import COOKIE

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::DeprecationWarning:starlette.*")
TWO = Access(Accounts({"ann": hashed("a"), "bob": hashed("b")}), ("films.example",))
LIMITED = {"upload_mb": 1, "upload_mb_per_hour": 2, "actions_per_minute": 5}


@pytest.fixture(scope="module")
def client(serving, served_library, served_settings, films):
    """A browser without an account, on this machine."""
    with serving(served_library, served_settings, AllowedFolders([films]), EVERYBODY) as client:
        yield client


@pytest.fixture(scope="module")
def uploads(tmp_path_factory):
    """Where Gradio keeps uploads."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(tmp_path_factory.mktemp("uploads")))
        yield


@pytest.fixture(scope="module")
def guarded(serving, served_library, served_settings, films, uploads):
    """A server with two accounts."""
    with serving(served_library, served_settings, AllowedFolders([films]), TWO) as client:
        yield client


@pytest.fixture
def limited(serving, served_library, served_settings, films):
    """A server with two accounts that may do little."""
    settings = served_settings.model_copy(update=LIMITED)
    with serving(served_library, settings, AllowedFolders([films]), TWO) as client:
        yield client


def upload(client, content=b"x", name="clip.mp4", **how):
    return client.post("/gradio_api/upload", files={"files": (name, content)}, **how)


def join(client, path, **how):
    """Name a file in an event of the page."""
    data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, 0, 0, 5]
    body = {"data": data, "fn_index": 0, "session_hash": "s"}
    return client.post("/gradio_api/queue/join", json=body, **how)


# Paths


@pytest.mark.parametrize(
    "path",
    [
        "/media/..%2f..%2f..%2f..%2fetc%2fpasswd", "/media/%2e%2e/%2e%2e/etc/passwd", "/media//etc/passwd",
        "/thumb/..%2f..%2fetc%2fpasswd", "/gradio_api/file=/etc/passwd", "/gradio_api/file=../../../../etc/passwd",
        "/gradio_api/file/etc/passwd", "/file=/etc/passwd", "/static/..%2f..%2f..%2f..%2fetc%2fpasswd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd", "/api/v1/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/jobs/..%2f..%2fetc%2fpasswd", "/theme.css/..%2f..%2fetc%2fpasswd",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_server(client, path):
    got = client.get(path)
    assert got.status_code in (400, 403, 404)
    assert "root:" not in got.text


def test_media_is_served_by_id_and_by_nothing_else(client, served_library, films):
    for path in (served_library.folder / "catalog.sqlite", films / "long.mp4"):
        for address in (f"/gradio_api/file={path}", f"/media/{path}", f"/media{path}", f"/thumb{path}"):
            assert client.get(address).status_code in (403, 404)


def test_no_folder_outside_the_allowed_ones_is_indexed(client, films):
    for path in ("/etc", str(films.parent), f"{films}/../../..", f"{films}2", "../..", "a\0b", "~"):
        got = client.post("/api/v1/jobs", json={"path": path})
        assert got.status_code == 403, path
    assert client.get("/api/v1/jobs").json() == []


def test_a_link_out_of_an_allowed_folder_is_not_followed(client, films, tmp_path, moving_video):
    moving_video(tmp_path / "secret.mp4", 2, seed=7)
    for name, target in (("folder", tmp_path), ("film.mp4", tmp_path / "secret.mp4")):
        (films / name).symlink_to(target)
        try:
            assert client.post("/api/v1/jobs", json={"path": name}).status_code == 403
        finally:
            (films / name).unlink()


# Uploads


def test_nobody_fetches_or_searches_with_the_upload_of_another_user(guarded):
    ann, bob = {"auth": ("ann", "a")}, {"auth": ("bob", "b")}
    path = upload(guarded, b"ann's own clip", **ann).json()[0]
    assert guarded.get(f"/gradio_api/file={path}", **ann).content == b"ann's own clip"
    for address in (path, f"{Path(path).parent}/../{Path(path).parent.name}/{Path(path).name}"):
        assert guarded.get(f"/gradio_api/file={address}", **bob).status_code == 403
        got = join(guarded, address, **bob)
        assert (got.status_code, got.json()["detail"]) == (
            403, "This file is not here, or was uploaded by somebody else."
        )  # fmt: skip
    assert join(guarded, path, **ann).status_code == 200


def test_without_accounts_an_upload_is_its_browsers_own(client, uploads):
    mine, yours = ({"headers": {"cookie": f"{COOKIE}={name}"}} for name in ("mine", "yours"))
    path = upload(client, b"mine", **mine).json()[0]
    assert client.get(f"/gradio_api/file={path}", **mine).status_code == 200
    assert client.get(f"/gradio_api/file={path}", **yours).status_code == 403
    assert upload(client, b"mine", **yours).json()[0] == path  # who has the very bytes has them
    assert client.get(f"/gradio_api/file={path}", **yours).status_code == 200


def test_the_page_gives_a_browser_a_cookie_that_scripts_and_other_sites_do_not_get(client):
    got = client.get("/", headers={"cookie": ""})
    cookie = got.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Strict")
    assert "set-cookie" not in client.get("/", headers={"cookie": cookie.partition(";")[0]}).headers
    client.cookies.clear()


def test_the_server_fetches_nothing_from_addresses_that_visitors_name(client):
    for address in ("/gradio_api/file=http://127.0.0.1:1/x", "/gradio_api/proxy=http://127.0.0.1:1/x"):
        assert client.get(address).status_code == 403
    assert join(client, "http://127.0.0.1:1/x").status_code == 403


def test_an_upload_that_is_too_large_is_refused_however_it_is_sent(limited):
    for address in ("/gradio_api/upload", "/api/v1/search"):
        form = {"auth": ("ann", "a"), "files": {"files": ("clip.mp4", b"x" * 1_200_000)}}
        got = limited.post(address, **form)
        assert got.status_code == 413
        assert "The file is larger than the 1 MB that this server takes." in got.text

    def chunks():
        yield b'--b\r\ncontent-disposition: form-data; name="clip"; filename="clip.mp4"\r\n\r\n'
        yield from [b"x" * 100_000] * 12
        yield b"\r\n--b--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=b"}
    got = limited.post("/api/v1/search", content=chunks(), headers=headers, auth=("ann", "a"))
    assert (got.status_code, got.json()["detail"]) == (413, "The file is larger than the 1 MB that this server takes.")


def test_an_upload_that_is_no_video_is_refused_in_a_sentence(client):
    for content in (b"", b"<html>", b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", bytes(range(256)) * 20):
        got = client.post("/api/v1/search", files={"clip": ("<b>.mp4", content)})
        assert got.status_code == 415
        assert got.headers["content-type"] == "application/json"
        assert got.json()["detail"].startswith("<b>.mp4 ")


# Names that are HTML: those of the page and the report are in test_ui and test_report_html


def test_html_in_names_never_comes_back_as_html(client, films):
    name = next(path.name for path in films.iterdir() if path.name.startswith("<img"))
    for got in (
        client.get("/api/v1/status"),
        client.post("/api/v1/search", files={"clip": (name, (films / name).read_bytes())}),
        client.post("/api/v1/jobs", json={"path": f"{name}/none"}),
        client.get(f"/media/{escape(name)}"),
        client.get("/", headers={"host": "<img src=x>"}),
    ):
        kind = got.headers["content-type"]
        assert kind == "application/json" or kind.startswith("text/plain"), got.text
        assert got.headers["x-content-type-options"] == "nosniff"


# Other sites


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "localhost.evil.example", "", "[", "films"])
def test_a_name_that_is_not_ours_is_refused(client, host):
    for address in ("/", "/api/v1/status", "/gradio_api/info", "/media/1"):
        assert client.get(address, headers={"host": host}).status_code == 421
    assert client.get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7860", "127.0.0.1:7860", "[::1]:7860", "192.168.1.7", "films.example"]
)
def test_addresses_and_names_that_are_ours_are_served(guarded, host):
    assert guarded.get("/api/v1/jobs", headers={"host": host}, auth=("ann", "a")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "http://evil.example"},
        {"origin": "null"}, {"origin": "http://localhost:1234"}, {"origin": "http://localhost.evil.example"},
    ],
)  # fmt: skip
def test_a_page_of_another_site_may_not_act(client, headers):
    for address in (
        "/gradio_api/queue/join",
        "/gradio_api/upload",
        "/api/v1/search",
        "/api/v1/jobs",
        "/gradio_api/run/x",
    ):
        assert client.post(address, headers=headers, json={}).status_code == 403
    assert client.delete("/api/v1/jobs/1", headers=headers).status_code == 403


def test_our_own_page_may_act_and_others_may_link_to_us(client):
    own = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}
    assert client.post("/api/v1/search", headers=own, data={"video": 1}).status_code == 200
    assert client.get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    assert client.get("/api/v1/status", headers={"origin": "http://evil.example"}).status_code == 403


# Too much


def test_a_huge_body_of_json_is_refused_unread(client):
    for address in ("/gradio_api/queue/join", "/api/v1/jobs", "/gradio_api/run/x"):
        got = client.post(address, content=b'{"path": "' + b"x" * 5_000_000 + b'"}')
        assert (got.status_code, got.json()["detail"]) == (413, "That is too much for this server.")


def test_json_that_nests_deeply_or_is_none_is_refused(client):
    for body in (b"[" * 100_000, b'{"path":' * 50_000, b"\xff", b"{"):
        for address in ("/gradio_api/queue/join", "/api/v1/jobs"):
            got = client.post(address, content=body, headers={"content-type": "application/json"})
            assert got.status_code in (400, 422)


def test_who_does_much_in_a_short_time_is_told_to_wait(limited):
    answers = [limited.post("/api/v1/jobs", json={"path": "/etc"}, auth=("ann", "a")) for _ in range(6)]
    assert [got.status_code for got in answers] == [403] * 5 + [429]
    wait_s = int(answers[-1].headers["retry-after"])
    assert 1 <= wait_s <= 60
    assert answers[-1].json()["detail"] == f"That was much in a short time; try again in {wait_s} s."
    assert limited.post("/api/v1/jobs", json={"path": "/etc"}, auth=("bob", "b")).status_code == 403
    assert limited.get("/api/v1/status", auth=("ann", "a")).status_code == 200


def test_who_sends_much_in_a_short_time_is_told_to_wait(limited):
    answers = [upload(limited, b"x" * 800_000, auth=("ann", "a")) for _ in range(3)]
    assert [got.status_code for got in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) <= 3600
    assert upload(limited, b"x" * 800_000, auth=("bob", "b")).status_code == 200


def test_an_address_from_which_nobody_logs_in_has_the_limits_of_several():
    limits = Limits(Settings(actions_per_minute=1))
    assert [limits.act("here", False) for _ in range(SHARED)] == [None] * SHARED
    assert limits.act("here", False) is not None


# Accounts


def test_passwords_can_not_be_guessed_quickly(guarded):
    wrong = [guarded.get("/api/v1/jobs", auth=("ann", f"guess {i}")).status_code for i in range(22)]
    assert wrong == [401] * 20 + [429] * 2
    assert guarded.get("/api/v1/jobs", auth=("ann", "a")).status_code in (200, 429)  # 200 if it was seen before


def test_only_hashes_of_passwords_are_kept():
    accounts = Accounts.of(["ann:s:cret"])
    held = repr({name: vars(accounts)[name] for name in vars(accounts)})
    assert "s:cret" not in held
    header = f"Basic {base64.b64encode(b'ann:s:cret').decode()}"
    assert accounts.user(header) == "ann"
    assert "s:cret" not in repr(vars(accounts))
    assert accounts.remembered(header) == (True, "ann")
    for given in (
        "",
        "Basic",
        "Basic x",
        f"Bearer {header[6:]}",
        "Basic \xa7",
        f"Basic {base64.b64encode(b'ann').decode()}",
    ):
        assert accounts.user(given) is None


def test_accounts_come_from_a_file_of_hashes(tmp_path):
    file = tmp_path / "accounts"
    file.write_text(f"# ours\n\nann:{hashed('pass')}\n")
    accounts = Accounts.of(["bob:word"], file)
    for pair, user in ((b"ann:pass", "ann"), (b"bob:word", "bob"), (b"ann:word", None), (b"eve:pass", None)):
        assert accounts.user(f"Basic {base64.b64encode(pair).decode()}") == user
    assert Accounts.of([]) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ann:pass\n", r"accounts, line 1: expected NAME:HASH as printed by: reelseek account NAME"),
        ("# nobody\n\nann\n", r"accounts, line 3: expected NAME:HASH"),
        ("", r"accounts names no account"),
    ],
)
def test_a_file_without_proper_accounts_is_refused(tmp_path, text, sentence):
    (tmp_path / "accounts").write_text(text)
    with pytest.raises(AccountsError, match=sentence):
        Accounts.of([], tmp_path / "accounts")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "films.example", "::"])
def test_an_address_that_others_can_reach_needs_accounts_or_a_clear_word(host):
    with pytest.raises(ValueError, match=f"--host {host} can be reached by others, so it needs --auth"):
        access_at(host)
    assert access_at(host, unprotected=True).accounts is None
    assert access_at(host, ["ann:a"], names=["Films.Example"]).names[-1] == "films.example"
    assert access_at("127.0.0.1") == EVERYBODY


def test_an_account_given_twice_is_refused():
    with pytest.raises(AccountsError, match="account 'ann' is given twice"):
        Accounts.of(["ann:a", "ann:b"])
