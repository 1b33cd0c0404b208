import io
import json
import logging
import threading
import time

import pytest

from app.logs import LogFormat, set_up_logs
from app.metrics import Metrics
from app.ui.folders import AllowedFolders
from app.ui.job import Job
from app.ui.observer import route_of
from encoder.errors import WorldError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio.*", "ignore::DeprecationWarning:starlette.*")


@pytest.fixture(scope="module")
def client(serving, served_library, served_settings, films):
    with serving(served_library, served_settings, AllowedFolders([films])) as client:
        yield client


@pytest.fixture
def site(client):
    return client.app.state.site


@pytest.fixture
def json_log(monkeypatch):
    """Log as JSON; what is called gives the lines so far, as objects."""
    written, root = io.StringIO(), logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in ("app", "app.ui.server")}
    before = set(root.handlers)
    monkeypatch.setattr("sys.stderr", written)
    set_up_logs(LogFormat.JSON)
    ours = set(root.handlers) - before
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    for handler in ours:
        root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def values(metrics):
    """The values of a text in Prometheus' format by name and labels."""
    lines = (line for line in metrics.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_searches_are_counted_by_their_outcome_and_timed():
    metrics, inside = Metrics(lambda: iter([])), threading.Barrier(2)

    def search():
        with metrics.searching():
            inside.wait(10)
            inside.wait(10)

    thread = threading.Thread(target=search)
    thread.start()
    inside.wait(10)
    assert values(metrics.text())["reelseek_searches_now"] == 1
    inside.wait(10)
    thread.join()
    for error in (WorldError("no"), ZeroDivisionError()):
        with pytest.raises(type(error)), metrics.searching():
            raise error
    now = values(metrics.text())
    assert now["reelseek_searches_now"] == 0
    outcomes = {outcome: now[f'reelseek_searches_total{{outcome="{outcome}"}}'] for outcome in OUTCOMES}
    assert outcomes == {"answered": 1, "refused": 1, "failed": 1}
    assert now["reelseek_search_seconds_count"] == 1


OUTCOMES = ("answered", "refused", "failed")


def test_the_figures_are_those_of_the_library_and_its_jobs(client, served_library):
    videos, clips, _ = served_library.catalog.totals()
    now = values(client.get("/metrics").content)
    assert (now["reelseek_videos"], now["reelseek_clips"]) == (videos, clips)
    assert now['reelseek_job_running{job="indexing"}'] == 0
    before = now.get('reelseek_searches_total{outcome="answered"}', 0)
    client.post("/api/v1/search", data={"video": 1})
    now = values(client.get("/metrics").content)
    assert now['reelseek_searches_total{outcome="answered"}'] == before + 1
    assert now['reelseek_requests_total{method="POST",route="/api/v1/search",status="200"}'] >= 1
    assert now["process_resident_memory_bytes"] > 0


def test_routes_are_few_and_hold_no_names():
    paths = {
        "/": "/", "/media/7": "/media", "/thumb/7": "/thumb", "/media/../x": "/media", "/private/film.mp4": "other",
        "/gradio_api/file=/private/film.mp4": "/gradio_api/file", "/gradio_api/queue/join": "/gradio_api/queue",
        "/gradio_api/secret": "/gradio_api/other", "/api/v1/search": "/api/v1/search", "/api/v1/jobs/7": "/api/v1/jobs",
        "/api/v1/secret": "/api/v1/docs", "/health/ready": "/health",
    }  # fmt: skip
    assert {path: route_of(path) for path in paths} == paths


def test_the_server_is_ready_once_it_is_warm_and_until_it_stops(client, site):
    def ready():
        got = client.get("/health/ready")
        return got.status_code, got.json()["status"]

    assert ready() == (503, "starting")
    site.warm.set()
    assert ready() == (200, "ok")
    site.stopping.set()
    assert ready() == (503, "stopping")
    site.stopping.clear()
    assert client.get("/health").json() == {"status": "ok"}


def test_a_request_is_logged_as_json_without_what_was_asked(client, films, json_log):
    name = "very-private.mp4"
    client.post("/api/v1/search", files={"clip": (name, (films / "long.mp4").read_bytes())}, data={"k": "7"})
    client.get(f"/gradio_api/file=/private/{name}")
    client.post("/api/v1/jobs", json={"path": f"private/{name}"})
    lines = json_log()
    assert [(line["event"], line["route"], line["status"]) for line in lines] == [
        ("request", "/api/v1/search", 200), ("request", "/gradio_api/file", 403), ("request", "/api/v1/jobs", 403),
    ]  # fmt: skip
    assert lines[0].keys() == {"time", "level", "logger", "event", "route", "method", "status", "ms", "user"}
    assert "private" not in json.dumps(lines)


def test_an_error_of_ours_is_logged_as_json_with_its_traceback(json_log):
    try:
        1 / 0  # noqa: B018
    except ZeroDivisionError:
        logging.getLogger("app.somewhere").exception("it failed")
    (line,) = json_log()
    assert (line["level"], line["event"]) == ("ERROR", "it failed")
    assert "ZeroDivisionError" in line["exc_info"]


def test_the_end_of_a_job_is_logged_without_the_names_of_its_files(json_log):
    def work(job):
        job.tell(0.5, "last private.mp4", ("private.mp4", "is no video"))

    job = Job()
    job_id = job.start("Indexing private", work)
    wait_until(json_log)
    (line,) = json_log()
    assert (line["event"], line["job"], line["outcome"]) == ("job ended", job_id, "done")
    assert line["failed_files"] == 1
    assert "private" not in json.dumps(line)


def wait_until(true):
    deadline = time.monotonic() + 20
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
