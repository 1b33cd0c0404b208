"""Kill an indexing run at random moments, and run it again until it is done.

REELSEEK_TEST_KILLS sets how many times; 20 take a minute or two.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from indexer.library import Library
from indexer.verify import verify
from tests.conftest import committed

KILLS = int(os.environ.get("REELSEEK_TEST_KILLS", "6"))
COUNT = 2 * KILLS
COMMAND = [sys.executable, "-c", "from app.cli import main; main()", "index"]


@pytest.fixture
def index(clip, videos, tmp_path, encoder_file):
    for i in range(COUNT):
        clip(videos / f"{i}.mp4", i, seconds=3 + i % 3)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(*more):
        command = [*COMMAND, str(videos), "--library", str(tmp_path / "library"), "--encoder", str(encoder_file), *more]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=environment
        )

    return start


def in_session(session):
    """The processes of a session that are still there, zombies aside."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for(claim, seconds=10.0):
    end = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_run_killed_at_random_moments_loses_nothing_and_shows_nothing_twice(index, videos, tmp_path):
    rng, seen, folder = random.Random(0), [0], tmp_path / "library"
    for kill in range(KILLS):
        process = index("--workers", "2")
        goal = seen[-1] + (rng.randint(1, 3) if kill % 3 else 0)
        wait_for(lambda goal=goal, process=process: committed(folder) >= goal or process.poll() is not None, 60)
        time.sleep(rng.uniform(0, 0.1 if kill % 3 else 1.5))  # in the middle of indexing, or of starting
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wait_for(lambda session=process.pid: not in_session(session))  # the decoders die with it
        if (tmp_path / "library" / "encoder.safetensors").exists():
            with Library.open(folder) as library:
                assert verify(library).problems == []
        seen.append(committed(folder))
    assert seen == sorted(seen), "a committed video is never lost"
    print("videos after each kill:", seen[1:])
    last = index("--json")
    out, err = last.communicate(timeout=60)
    assert (last.returncode, err) == (0, "")
    result = json.loads(out)
    assert (result["indexed"] + result["unchanged"], result["failed"]) == (COUNT, [])
    assert result["unchanged"] >= seen[-1]
    with Library.open(tmp_path / "library") as library:
        assert verify(library).problems == []
        paths = Counter(path for paths in library.catalog.paths().values() for path in paths)
        assert paths == Counter(str(path) for path in videos.iterdir())
        assert library.catalog.totals()[0] == COUNT
    wait_for(lambda: not in_session(last.pid))
