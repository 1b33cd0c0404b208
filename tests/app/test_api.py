import json
import time
from pathlib import Path

import pytest

from app.ui.folders import AllowedFolders

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::DeprecationWarning:starlette.*")


@pytest.fixture(scope="module")
def client(serving, served_library, served_settings, films):
    with serving(served_library, served_settings, AllowedFolders([films])) as client:
        yield client


@pytest.fixture(scope="module")
def ids(served_library):
    return {Path(paths[0]).name: video_id for video_id, paths in served_library.catalog.paths().items()}


def search(client, path=None, **fields):
    files = {"clip": (path.name, path.read_bytes(), "video/mp4")} if path else {"clip": ("", b"")}
    return client.post("/api/v1/search", data={name: str(value) for name, value in fields.items()}, files=files)


def settled(client, job_id):
    deadline = time.monotonic() + 60
    while (job := client.get(f"/api/v1/jobs/{job_id}").json())["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    return job


# Search


def test_an_uploaded_clip_is_found_with_its_times(client, films, ids):
    got = search(client, films / "long.mp4", start=2, end=5, k=2)
    rows = got.json()
    assert (got.status_code, len(rows)) == (200, 2)
    assert (rows[0]["video"], rows[0]["path"]) == (ids["long.mp4"], str(films / "long.mp4"))
    assert (rows[0]["start"], rows[0]["end"]) == (pytest.approx(2, abs=0.1), pytest.approx(5, abs=0.1))
    assert rows[0]["segments"][0]["query_start"] == rows[0]["query_start"]


def test_a_video_of_the_library_is_searched_for_by_its_id(client, ids):
    got = client.post("/api/v1/search", data={"video": ids["long.mp4"], "start": 1, "end": 4})
    assert got.json()[0]["video"] == ids["long.mp4"]


def test_examples_count_together_and_what_is_unlike_them_counts_against(client, films, ids):
    long, old = ids["long.mp4"], ids["old.mkv"]
    both = client.post("/api/v1/search", data={"video": [f"{long}@2-5", old], "k": 3}).json()
    assert {row["video"] for row in both[:2]} == {long, old}
    assert both[0]["segments"][0]["example"] in (0, 1)
    clip = {
        "clip": ("c.mp4", (films / "long.mp4").read_bytes()),
        "unlike_clip": ("d.mkv", (films / "old.mkv").read_bytes()),
    }
    rows = client.post("/api/v1/search", files=clip, data={"k": 3}).json()
    assert (rows[0]["video"], rows[-1]["video"]) == (long, old)


def test_copies_alone_are_found_when_asked_for(client, films, ids):
    rows = search(client, films / "long.mp4", start=2, end=5, mode="copy").json()
    assert [(row["video"], row["tempo"]) for row in rows] == [(ids["long.mp4"], 1.0)]


def test_filters_and_pages_are_those_of_the_library(client, ids):
    query = {"video": ids["long.mp4"]}
    short = client.post("/api/v1/search", data=query | {"max_duration": 4}).json()
    assert {row["video"] for row in short} == set(ids.values()) - {ids["long.mp4"]}
    assert client.post("/api/v1/search", data=query | {"until": "2001-01-01"}).json() == []
    whole = client.post("/api/v1/search", data=query).json()
    pages = [client.post("/api/v1/search", data=query | {"k": 1, "offset": i}).json() for i in range(4)]
    assert [row["video"] for page in pages for row in page] == [row["video"] for row in whole]


def test_an_upload_leaves_nothing_on_the_disk(client, films, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert search(client, films / "long.mp4").status_code == 200
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({}, 422, "Send a clip, or the id of a video, to search for."),
        ({"unlike_video": "1"}, 422, "Send a clip, or the id of a video, to search for."),
        ({"video": "/etc/passwd"}, 422, "video: '/etc/passwd' is not ID or ID@START-END"),
        ({"video": "1@../x-"}, 422, "is not ID or ID@START-END"),
        ({"video": "1@3-2"}, 422, "video 1@3-2: "),
        ({"video": "1@1-2", "start": 1}, 422, "names its part already"),
        ({"video": ["1"] * 21}, 422, "video: List should have at most 20 items"),
        ({"video": 1, "mode": "sound"}, 422, "mode: Input should be 'similar', 'copy', 'motion' or 'look'"),
        ({"video": 1, "since": "yesterday"}, 422, "'yesterday' is no date"),
        ({"video": 1, "min_height": 5, "max_height": 2}, 422, "the least height must not be above the greatest"),
        ({"video": 1, "start": 3, "end": 2}, 422, "start (3 s) must lie before end (2 s)."),
        ({"video": 1, "start": "x"}, 422, "start: Input should be a valid number"),
        ({"video": 1, "start": "nan"}, 422, "start: Input should be a finite number"),
        ({"video": 1, "k": 0}, 422, "k: Input should be greater than or equal to 1"),
        ({"video": 4711}, 404, "There is no video 4711 in the library."),
        ({"unlike_video": 4711, "video": 1}, 404, "There is no video 4711 in the library."),
    ],
)
def test_a_search_that_can_not_be_is_refused_in_a_sentence(client, fields, status, sentence):
    got = client.post("/api/v1/search", data=fields)
    assert got.status_code == status
    assert sentence in got.json()["detail"]
    assert "/tmp" not in got.json()["detail"]


# Jobs


def test_a_folder_is_indexed_as_a_job(client, films, served_library, clip):
    sub = films / "sub"
    clip(sub / "new.mp4", 9)
    (sub / "bad.mp4").write_text("not a video")
    got = client.post("/api/v1/jobs", json={"path": "sub"})
    assert (got.status_code, got.json()["status"]) == (202, "running")
    assert got.headers["location"] == f"/api/v1/jobs/{got.json()['id']}"
    job = settled(client, got.json()["id"])
    assert (job["status"], job["share"], job["error"]) == ("done", 1, None)
    assert job["result"]["indexed"] == 1
    assert [Path(failed["path"]).name for failed in job["failed"]] == ["bad.mp4"]
    assert job in client.get("/api/v1/jobs").json()
    assert client.get("/api/v1/status").json()["failed"] == job["result"]["failed"]
    served_library.remove([sub])
    (sub / "new.mp4").unlink()
    (sub / "bad.mp4").unlink()
    sub.rmdir()


def test_a_job_can_be_stopped_and_another_one_waits(client, monkeypatch, served_library):
    def add(paths, workers, progress, stall_s):
        while True:
            progress(Done())
            time.sleep(0.01)

    class Done:
        files, of_files, bytes, of_bytes, path, reason = 1, 2, 1.0, 2, None, None

    monkeypatch.setattr(served_library, "add", add)
    job_id = client.post("/api/v1/jobs", json={"path": "."}).json()["id"]
    second = client.post("/api/v1/jobs", json={"path": "."})
    assert (second.status_code, "still running" in second.json()["detail"]) == (409, True)
    assert client.delete(f"/api/v1/jobs/{job_id}").status_code == 202
    job = settled(client, job_id)
    assert (job["status"], job["error"]) == ("stopped", "It was stopped; what was done so far is kept.")


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"path": "/etc"}, 403, "/etc is outside the folders this server allows"),
        ({"path": "none"}, 403, "There is no none on the server."),
        ({"path": 7}, 422, "path: Input should be a valid string"),
        ({}, 422, "path: Field required"),
    ],
)
def test_a_job_that_can_not_be_is_refused_in_a_sentence(client, body, status, sentence):
    got = client.post("/api/v1/jobs", json=body)
    assert got.status_code == status
    assert sentence in got.json()["detail"]


def test_an_unknown_job_is_not_found(client):
    assert client.get("/api/v1/jobs/4711").status_code == 404
    assert client.delete("/api/v1/jobs/4711").status_code == 404
    assert client.get("/api/v1/nothing").json() == {"detail": "Not Found"}


# Status, documentation, errors


def test_the_status_is_that_of_the_command(client, served_library, ids):
    status = client.get("/api/v1/status").json()
    assert (status["videos"], status["encoder"]["name"]) == (len(ids), "small.safetensors")
    assert status["library"] == str(served_library.folder)


def test_the_documentation_needs_no_other_machine(client):
    page = client.get("/api/v1/docs").text
    assert "http" not in page.replace("http://localhost", "")
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert f"/api/v1/assets/{asset}" in page
        assert client.get(f"/api/v1/assets/{asset}").status_code == 200
    document = client.get("/api/v1/openapi.json").json()
    form = next(schema for name, schema in document["components"]["schemas"].items() if name.startswith("Body_search"))
    assert form["properties"]["clip"]["items"]["format"] == "binary"
    paths = document["paths"]
    assert set(paths) == {"/search", "/status", "/jobs", "/jobs/{job_id}"}
    for operations in paths.values():
        for operation in operations.values():
            assert operation["description"] or operation["summary"]
            assert "application/json" in json.dumps(operation["responses"])


def test_what_is_our_own_fault_is_logged_and_not_shown(client, monkeypatch, served_library, caplog):
    monkeypatch.setattr(served_library, "search", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(client._transport, "raise_server_exceptions", False)
    got = client.post("/api/v1/search", data={"video": 1})
    assert got.status_code == 500
    assert "reelseek" in got.json()["detail"]
    assert "division" not in got.text
    assert "ZeroDivisionError" in caplog.text
