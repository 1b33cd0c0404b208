import base64
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import torch

from app.access import Access
from app.accounts import Accounts
from app.media import Decoders
from app.settings import Settings
from app.training_run import TrainingProgress, TrainingRequest
from app.trainings import TrainingState
from app.ui import duplicates_view, evaluate_tab, library_view, library_work, search_tab, train_tab, train_view
from app.ui.folders import AllowedFolders, FolderError
from app.ui.job import Job, JobError
from app.ui.server import ServerError, run
from app.ui.site import Site, in_sentences
from encoder.checkpoint import load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.errors import WorldError
from encoder.model import Encoder
from indexer.library import Library

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::DeprecationWarning:starlette.*")
HTML_NAME = "<img src=x onerror=alert(1)>.mp4"


@pytest.fixture(scope="module")
def folder(make_films):
    return make_films(HTML_NAME)


@pytest.fixture(scope="module")
def library(tmp_path_factory, folder):
    torch.manual_seed(0)
    home = tmp_path_factory.mktemp("home")
    save_encoder(Encoder(EncoderConfig(width=8)), ClipSpec(), home / "tiny.safetensors")
    with Library.create(home / "library", load_encoder(home / "tiny.safetensors")) as library:
        library.add([folder], workers=1)
        yield library


@pytest.fixture(scope="module")
def settings(library):
    return Settings(library=library.folder, workers=1)


@pytest.fixture(scope="module")
def site(library, settings, folder):
    decoders = Decoders(1)
    yield Site(library, settings, AllowedFolders([folder]), decoders)
    decoders.close()


@pytest.fixture(scope="module")
def client(serving, library, settings, folder):
    with serving(library, settings, AllowedFolders([folder])) as client:
        yield client


@pytest.fixture(scope="module")
def ids(library):
    return {Path(paths[0]).name: video_id for video_id, paths in library.catalog.paths().items()}


def settled(job):
    deadline = time.monotonic() + 60
    while job.state().running and time.monotonic() < deadline:
        time.sleep(0.05)
    return job.state()


# Media


def test_the_server_says_that_it_is_well(client):
    assert client.get("/health").json() == {"status": "ok"}


def test_a_video_is_served_by_its_id_in_ranges(client, ids, folder):
    whole = (folder / "long.mp4").read_bytes()
    got = client.get(f"/media/{ids['long.mp4']}", headers={"range": "bytes=100-199"})
    assert (got.status_code, got.headers["content-type"]) == (206, "video/mp4")
    assert got.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert got.content == whole[100:200]


def test_a_video_that_no_browser_plays_is_served_as_an_excerpt(client, ids, tmp_path):
    got = client.get(f"/media/{ids['old.mkv']}?start=1&end=2")
    assert (got.status_code, got.headers["content-type"]) == (200, "video/mp4")
    (tmp_path / "got.mp4").write_bytes(got.content)
    from encoder.video import probe

    info = probe(tmp_path / "got.mp4")
    assert (info.codec, info.width, info.height) == ("h264", 640, 480)
    assert info.duration == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("query", ["start=x", "start=-1", "start=nan", "start=2&end=1", "start=1e99"])
def test_times_that_are_none_are_refused(client, ids, query):
    assert client.get(f"/media/{ids['old.mkv']}?{query}").status_code == 400


def test_a_poster_is_a_jpeg_that_the_browser_may_keep(client, ids):
    got = client.get(f"/thumb/{ids['long.mp4']}?t=4")
    assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
    assert got.content[:2] == b"\xff\xd8"
    assert "max-age" in got.headers["cache-control"]
    again = client.get(f"/thumb/{ids['long.mp4']}?t=4", headers={"if-none-match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_poster_past_the_end_shows_the_end(client, ids):
    assert client.get(f"/thumb/{ids['long.mp4']}?t=1000").status_code == 200


@pytest.mark.parametrize("path", ["/media/4711", "/thumb/4711", f"/media/{10**30}", "/media/-1", "/media/long.mp4"])
def test_an_unknown_video_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_a_vanished_video_is_gone(client, ids, folder):
    path = folder / "long.mp4"
    path.rename(folder / "elsewhere")
    try:
        for address in (f"/media/{ids['long.mp4']}", f"/thumb/{ids['long.mp4']}?t=2"):
            got = client.get(address)
            assert got.status_code == 410
            assert got.text == "long.mp4 is no longer where it was; index its folder again."
    finally:
        (folder / "elsewhere").rename(path)


# The guard


def test_the_page_asks_nothing_of_other_machines(client):
    got = client.get("/")
    assert got.status_code == 200
    assert "default-src 'self'" in got.headers["content-security-policy"]


def test_a_password_protects_page_media_and_api_but_not_the_health_check(serving, library, settings, ids):
    with serving(library, settings, AllowedFolders([]), Access(Accounts.of(["ann:s:cret"]))) as client:
        addresses = ["/", "/config", "/gradio_api/info", f"/media/{ids['long.mp4']}", f"/thumb/{ids['long.mp4']}?t=1"]
        for given in (None, "ann:wrong", "ann:s:cre", "bob:s:cret"):
            headers = {"authorization": f"Basic {base64.b64encode(given.encode()).decode()}"} if given else {}
            assert {client.get(address, headers=headers).status_code for address in addresses} == {401}
            assert client.post("/gradio_api/queue/join", headers=headers, json={}).status_code == 401
            assert client.post("/gradio_api/upload", headers=headers, files={"files": b"x"}).status_code == 401
        assert client.get("/", headers={"authorization": b"Basic \xa7"}).status_code == 401
        assert client.get("/health").status_code == 200
        assert {client.get(address, auth=("ann", "s:cret")).status_code for address in addresses} == {200}


# Folders


def test_a_folder_outside_the_allowed_ones_is_refused(site, folder):
    for text in ("/etc", str(folder.parent), f"{folder}/../../..", str(folder) + "2", "../.."):
        with pytest.raises(FolderError, match=f"outside the folders this server allows: {folder}"):
            library_work.start_indexing(site, text)


def test_a_link_out_of_an_allowed_folder_is_refused(tmp_path):
    (tmp_path / "allowed").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(FolderError, match="outside"):
        AllowedFolders([tmp_path / "allowed"]).resolve(str(tmp_path / "allowed" / "link"))


def test_an_allowed_folder_may_be_named_by_a_link_and_its_folders_relatively(tmp_path):
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    folders = AllowedFolders([tmp_path / "link"])
    assert folders.resolve("deep") == folders.resolve(str(tmp_path / "link/deep")) == str(tmp_path / "real/deep")


@pytest.mark.parametrize(("text", "sentence"), [("", "Type a folder"), ("none", "no none on"), ("a\0b", "no path")])
def test_a_folder_that_is_none_is_refused(site, text, sentence):
    with pytest.raises(FolderError, match=sentence):
        library_work.start_indexing(site, text)


def test_a_server_without_folders_says_how_to_allow_one():
    with pytest.raises(FolderError, match="--folder"):
        AllowedFolders([]).resolve("/etc")


def test_what_is_our_own_fault_is_logged_and_not_shown(caplog):
    import gradio as gr

    with pytest.raises(gr.Error) as caught:
        in_sentences(lambda: 1 / 0)()
    assert "division" not in caught.value.message
    assert "ZeroDivisionError" in caplog.text
    with pytest.raises(gr.Error, match="&lt;b&gt;"):
        in_sentences(lambda: (_ for _ in ()).throw(WorldError("<b>")))()


# Long work


def test_a_folder_is_indexed_in_the_background_and_told_in_a_sentence(site, folder, moving_video):
    sub = folder / "sub"
    sub.mkdir()
    moving_video(sub / "new.mp4", 3, seed=9)
    (sub / "<i>.mp4").write_text("not a video")
    library_work.start_indexing(site, "sub")
    state = settled(site.indexing)
    assert state.error is None
    assert "1 new, 1 unreadable" in library_work.outcome(state)
    facts, problems = library_view.overview(site), library_view.problems(site)[0]
    assert "searchable clips" in facts
    assert "&lt;i&gt;.mp4" in problems
    assert "is not a video file" in problems
    shutil.rmtree(sub)
    site.library.remove([sub])


def test_an_empty_library_teaches_the_first_step(tmp_path, library, settings):
    with Library.create(tmp_path / "empty", library.checkpoint) as empty:
        site = Site(empty, settings, AllowedFolders([]), Decoders(1))
        assert "reelseek serve --folder FOLDER" in library_view.overview(site)
        site.folders = AllowedFolders([tmp_path])
        assert "Choose a folder" in library_view.overview(site)
        assert "The library is empty" in search_tab.first_steps(site)


def test_one_job_runs_at_a_time_and_its_state_says_how_far_it_is():
    job, go = Job(), threading.Event()

    def work(job):
        job.tell(0.5, "half", ("a.mp4", "broken"))
        go.wait(10)
        return 42

    job.start("Counting", work)
    while job.state().text != "half":
        time.sleep(0.01)
    assert (job.state().running, job.state().share, job.state().failures) == (True, 0.5, (("a.mp4", "broken"),))
    with pytest.raises(JobError, match="Counting is still running"):
        job.start("Again", work)
    go.set()
    assert (settled(job).result, job.state().running) == (42, False)


def test_a_job_can_be_stopped_between_two_words():
    job = Job()

    def work(job):
        while True:
            job.tell(0.1, "on and on")
            time.sleep(0.01)

    job.start("Looping", work)
    job.stop(5)
    assert "stopped" in job.state().error
    assert job.state().stopped


def test_jobs_that_ended_are_remembered_by_their_id_with_the_one_that_runs():
    job, go = Job(), threading.Event()
    first = job.start("First", lambda _: 1)
    settled(job)
    second = job.start("Second", lambda _: go.wait(10))
    assert [(state.id, state.running, state.result) for state in job.states()] == [
        (first, False, 1), (second, True, None),
    ]  # fmt: skip
    go.set()
    settled(job)
    assert [state.id for state in job.states()] == [first, second]


def test_a_job_that_fails_leaves_a_sentence(caplog):
    job = Job()
    job.start("Failing", lambda _: 1 / 0)
    assert "division" not in settled(job).error
    assert "ZeroDivisionError" in caplog.text


# Evaluation


def test_a_manifest_is_evaluated_in_the_background(site, client, folder, moving_video):
    (folder / "set").mkdir()
    for i in range(4):
        moving_video(folder / "set" / f"{i}.mp4", 2, seed=i)
    (folder / "list.csv").write_text("path,label\n" + "".join(f"set/{i}.mp4,{'ab'[i % 2]}\n" for i in range(4)))
    assert site.folders.manifests() == [str(folder / "list.csv")]
    evaluate_tab.start_evaluating(site, "list.csv", None)
    state = settled(site.evaluating)
    assert state.error is None
    [report] = site.reports.listed()
    assert (report.id, report.manifest) == (state.result, "list.csv")
    assert report.encoders == [site.library.checkpoint.name]
    html = client.get(f"/report/{report.id}/report.html")
    assert (html.status_code, html.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in html.headers["content-security-policy"]
    assert "motion energy" in html.text
    assert client.get(f"/report/{report.id}/queries.csv").headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "path", ["none/report.html", f"20260101-000000-{'0' * 16}/report.html", "..%2f..%2fcatalog.sqlite/report.html"]
)  # fmt: skip
def test_a_report_that_is_none_is_not_found(client, path):
    assert client.get(f"/report/{path}").status_code == 404


def test_of_a_report_only_its_own_files_are_served(client, site, library):
    folder = site.reports._folder / "20260101-000000-0123456789abcdef"
    folder.mkdir(parents=True)
    for name in ("report.html", "secret.txt"):
        (folder / name).write_text("x")
    assert client.get(f"/report/{folder.name}/report.html").status_code == 200
    assert client.get(f"/report/{folder.name}/secret.txt").status_code == 404
    assert client.get(f"/report/{folder.name}/..%2f..%2f..%2fencoder.safetensors").status_code == 404


def test_an_encoder_that_is_not_there_is_refused(site, folder, tmp_path):
    (tmp_path / "up.csv").write_text(f"path,label\n{folder}/long.mp4,a\n")
    with pytest.raises(WorldError, match="no longer there"):
        evaluate_tab.start_evaluating(site, None, str(tmp_path / "up.csv"), ["0123456789ab"])


def test_a_manifest_that_lists_a_video_outside_is_refused(site, folder, tmp_path):
    path = tmp_path / "up.csv"
    path.write_text(f"path,label\n{folder}/long.mp4,a\n/etc/passwd,b\n")
    with pytest.raises(FolderError, match=r"up\.csv lists passwd outside"):
        evaluate_tab.start_evaluating(site, None, str(path))


def test_an_uploaded_manifest_that_is_none_is_named_without_its_temporary_folder(site, tmp_path):
    path = tmp_path / "up.csv"
    path.write_text("hello\n")
    with pytest.raises(WorldError, match=r"^up\.csv is no manifest"):
        evaluate_tab.start_evaluating(site, None, str(path))


# The server


def test_a_port_in_use_is_one_sentence(settings):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=f"can't listen on 127.0.0.1 port {port}: address already in use"):
            run(settings, "127.0.0.1", port, Access(), [])


def test_a_folder_that_does_not_exist_is_one_sentence(settings, tmp_path):
    with pytest.raises(FolderError, match="is no folder"):
        run(settings, "127.0.0.1", 0, Access(), [tmp_path / "none"])


# Training


def test_a_run_is_started_on_all_videos_of_allowed_folders_only(site, folder, monkeypatch):
    asked = []
    monkeypatch.setattr(site.trainings, "start", lambda request: asked.append(request) or "run")
    assert train_tab.start_training(site, [str(folder)], "tiny", 5, None, False) == "run"
    [request] = asked
    assert (request.recipe, request.steps, request.folders) == ("tiny", 5, [str(folder)])
    assert str(folder / "long.mp4") in request.files
    assert request.batch == len(request.files) < 16  # as many as there are
    for folders, recipe, steps, batch, sentence in (
        ([], "tiny", 0, 0, "Choose a folder"), (["/etc"], "tiny", 0, 0, "outside"),
        ([str(folder)], "x", 0, 0, "recipe"), ([str(folder)], "tiny", 0, 1, "above 1"),
        ([str(folder)], "tiny", -1, 0, "above 0"),
    ):  # fmt: skip
        with pytest.raises(WorldError, match=sentence):
            train_tab.start_training(site, folders, recipe, steps, batch, False)


@pytest.mark.parametrize(
    ("recipe", "from_nothing", "begins_with"),
    [("collection", False, "default"), ("collection", True, None), ("small", False, None)],
)
def test_a_run_begins_with_what_its_recipe_says_unless_told_otherwise(
    site, folder, monkeypatch, recipe, from_nothing, begins_with
):
    asked = []
    monkeypatch.setattr(site.trainings, "start", lambda request: asked.append(request) or "run")
    train_tab.start_training(site, [str(folder)], recipe, 0, 0, from_nothing)
    assert asked[0].begins_with == begins_with


def test_a_run_is_told_as_it_is():
    request = TrainingRequest("tiny", ["films"], ["a.mp4"])

    def told(how, running, **more):
        progress = TrainingProgress(how, "steps", 3, 9, unreadable=2, **more)
        return train_view.told(TrainingState("<run>", request, progress, running, None))

    assert 'aria-valuenow="33"' in told("running", True)
    assert "&lt;run&gt; was broken off; Resume" in told("running", False)
    assert "is stopped; Resume goes on from there. 2 videos could not be read" in told("stopped", False)
    assert "ended early: the loss became nan" in told("failed", False, error="the loss became nan")


def test_curves_have_a_point_a_step_and_a_point_a_probe():
    rows = [{"step": i, "loss": 2.0, **({"recall": 0.5} if i % 2 else {})} for i in range(4)]
    assert train_view.loss_curve(rows)["loss"].tolist() == [2.0] * 4
    assert train_view.recall_curve(rows).to_numpy().tolist() == [[1, 50], [3, 50]]
    assert len(train_view.loss_curve(rows * 1000)) <= 300


# Folders of the library


def test_a_folder_outside_the_allowed_ones_is_not_removed(site):
    with pytest.raises(FolderError, match="outside the folders"):
        library_work.start_forgetting(site, "/etc")


def test_files_that_share_footage_are_looked_for_in_the_background_and_shown(site, folder, monkeypatch):
    times = {"a_start": 0, "a_end": 2, "b_start": 1, "b_end": 3, "tempo": 1.0, "mirrored": False}
    groups = [{"kind": "partial", "segments": [{"a": "/<a>.mp4", "b": "/b.mp4", **times}]}, {"kind": "identical"}]
    monkeypatch.setattr(library_work, "duplicates", lambda library, tell: tell(1, 2) or groups)
    library_work.start_comparing(site)
    state = settled(site.indexing)
    assert "1 groups of files share footage" in library_work.outcome(state)
    assert "&lt;a&gt;.mp4, 0:00.0 – 0:02.0 · b.mp4, 0:01.0 – 0:03.0" in duplicates_view.shared(state.result.groups)
