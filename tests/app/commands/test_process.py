import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import committed

PROGRAM = [sys.executable, "-c", "from app.cli import main; main()"]


def start(*args, **how):
    return subprocess.Popen(
        [*PROGRAM, *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_so_and_goes_on_from_there(run, moving_video, encoders, tmp_path, number):
    folder = tmp_path / "films"
    folder.mkdir()
    long = moving_video(folder / "00.mp4", 60, 1, fps=12).read_bytes()
    for i in range(1, 40):
        (folder / f"{i:02}.mp4").write_bytes(long + bytes(i))  # other content, no less a video
    process = start("index", folder, "--encoder", encoders[0], "--workers", 1, start_new_session=True)
    deadline = time.monotonic() + 60
    while not committed(tmp_path / "library") and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, number)  # as a terminal does it: to the decoders too
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (130, "")
    assert err == "stopped; what was done so far is kept, and the same command goes on from there\n"
    done = committed(tmp_path / "library")
    assert 1 <= done < 40
    for path in sorted(folder.iterdir())[done + 2 :]:
        path.unlink()
    code, out, _ = run("index", folder, "--json")
    result = json.loads(out)
    assert (code, result["unchanged"], result["indexed"]) == (0, done, 2)
    assert run("verify")[0] == 0


def test_a_reader_that_goes_away_early_is_no_error_worth_a_word(run, filled):
    process = start("status", "--json")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=30) == 1


def test_the_program_starts_without_the_heavy_modules():
    script = "import sys, app.cli; print({'torch', 'faiss', 'av', 'gradio', 'sqlalchemy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
