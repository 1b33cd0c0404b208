"""The server as a process of its own."""

import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from encoder.checkpoint import load_encoder
from indexer.library import Library
from indexer.verify import verify

PROGRAM = [sys.executable, "-c", "from app.cli import main; main()", "serve", "--port", "0", "--log", "json"]
PATIENCE_S = 60.0


@pytest.fixture
def library(tmp_path, small_encoder, clip):
    """A library of one video, and a folder of many more."""
    for seed in range(30):
        clip(tmp_path / "films" / f"{seed}.mp4", seed, seconds=2)
    with Library.create(tmp_path / "library", load_encoder(small_encoder)) as library:
        library.add([tmp_path / "films" / "0.mp4"], workers=1)
    return tmp_path / "library"


def test_when_it_is_asked_to_stop_open_requests_are_answered_and_indexing_ends_at_a_whole_video(library, tmp_path):
    command = [*PROGRAM, "--library", str(library), "--folder", str(tmp_path / "films")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server, ExitStack() as stack:
        stack.callback(server.kill)  # whatever goes wrong here
        url = next(json.loads(line)["event"] for line in server.stderr if "ready at" in line).split()[4]
        lines = []
        reading = threading.Thread(target=lambda: lines.extend(server.stderr))
        reading.start()
        wait_for(lambda: httpx.get(f"{url}/health/ready").status_code == 200)
        job = httpx.post(f"{url}/api/v1/jobs", json={"path": "."}).json()["id"]
        wait_for(lambda: httpx.get(f"{url}/api/v1/jobs/{job}").json()["share"] > 0)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(searched(url, tmp_path / "films" / "0.mp4")))
        asking.start()
        wait_for(lambda: answers or "reelseek_searches_now 1.0" in httpx.get(f"{url}/metrics").text)
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0
        asking.join(PATIENCE_S)
        reading.join(PATIENCE_S)
    assert [got.status_code for got in answers] == [200]
    assert json.loads(lines[-1])["event"] == "the page is closed"
    with Library.open(library) as opened:
        assert verify(opened).ok
        assert 1 <= opened.catalog.totals()[0] <= 30


def searched(url, path):
    return httpx.post(f"{url}/api/v1/search", files={"clip": ("a.mp4", path.read_bytes())}, timeout=PATIENCE_S)


def wait_for(true):
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)
