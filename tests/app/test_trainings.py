import subprocess
import sys
from pathlib import Path

import pytest

from app import training_process, trainings
from app.encoders import known_encoders
from app.training_process import Reporter
from app.training_run import (
    TrainingProgress,
    TrainingRequest,
    TrainingRunError,
    ask_to_stop,
    goes_on,
    lock_of,
    read_progress,
    read_request,
    write_progress,
    write_request,
)  # fmt: skip
from app.trainings import Trainings, smoothed
from encoder.checkpoint import load_encoder
from encoder.errors import VideoError
from indexer.library import Library
from training import train
from training.errors import TrainingError

REQUEST = TrainingRequest("tiny", ["films"], ["a.mp4", "b.mp4"], steps=2, batch=2)


@pytest.fixture
def run(tmp_path) -> Path:
    """The folder of a run that has not begun."""
    write_request(tmp_path / "runs" / "one", REQUEST)
    return tmp_path / "runs" / "one"


@pytest.fixture
def runs(run) -> Trainings:
    return Trainings(run.parent)


@pytest.fixture
def idle(monkeypatch) -> None:
    """The process of a run only waits."""
    popen = subprocess.Popen

    def start(command: list[str], **how):
        assert command[1:3] == ["-m", "app.training_process"]
        return popen([sys.executable, "-c", "import time; time.sleep(60)"], **how)

    monkeypatch.setattr(trainings.subprocess, "Popen", start)


# The process


def trained(monkeypatch, run: Path, train_files) -> TrainingProgress:
    monkeypatch.setattr(train, "train_files", train_files)
    training_process.run(run, Reporter(run))
    return read_progress(run)


def test_a_run_trains_on_its_files_and_says_how_far_it_is(monkeypatch, run):
    asked = {}

    def train_files(recipe, files, out, seed, report, resume, **how):
        asked.update(recipe=recipe, files=files, out=out, resume=resume)
        how["on_failed"]([VideoError("a.mp4", "is empty")])
        report("steps", 1, 2)
        assert read_progress(run).how == "running"

    progress = trained(monkeypatch, run, train_files)
    assert (asked["files"], asked["out"], asked["resume"]) == ([Path("a.mp4"), Path("b.mp4")], run, True)
    assert (asked["recipe"].schedule.steps, asked["recipe"].schedule.batch) == (2, 2)
    assert (progress.how, progress.done, progress.total, progress.unreadable) == ("done", 1, 2, 1)


def test_a_run_that_is_asked_to_stop_ends_at_its_next_word(monkeypatch, run):
    def train_files(recipe, files, out, seed, report, **_):
        report("steps", 1, 9)
        ask_to_stop(run)
        report("steps", 2, 9)
        raise AssertionError("it went on")

    progress = trained(monkeypatch, run, train_files)
    assert (progress.how, progress.done, progress.error) == ("stopped", 2, None)


def test_a_run_that_can_not_go_on_says_why_in_a_sentence(monkeypatch, run, caplog):
    def diverge(*_, **__):
        raise TrainingError("the loss became nan")

    assert trained(monkeypatch, run, diverge).error == "the loss became nan"
    progress = trained(monkeypatch, run, lambda *_, **__: 1 / 0)
    assert (progress.how, "division" in str(progress.error)) == ("failed", False)
    assert "ZeroDivisionError" in caplog.text


def test_the_time_left_is_that_of_what_is_counted_now(monkeypatch, run):
    now = [0.0]
    monkeypatch.setattr(training_process.time, "monotonic", lambda: now[0])
    reporter = Reporter(run)
    reporter.count("videos read", 1, 100)
    now[0] = 1000.0
    reporter.count("steps", 3, 10)
    assert reporter.progress.left_s is None
    now[0] = 1002.0
    reporter.count("steps", 4, 10)
    assert reporter.progress.left_s == pytest.approx(12)


def test_the_process_of_a_run_without_a_readable_video_ends_with_a_sentence(run):
    done = subprocess.run([sys.executable, "-m", "app.training_process", str(run)], check=False)
    progress = read_progress(run)
    assert (done.returncode, progress.how) == (1, "failed")
    assert str(progress.error).startswith("none of the 2 files given to train on can be read as video")


# All runs


def test_a_run_is_started_found_again_by_another_server_and_stopped(tmp_path, idle):
    runs = Trainings(tmp_path / "runs")
    name = runs.start(REQUEST)
    state = runs.state(name)
    assert (state.running, state.request, state.encoder) == (True, REQUEST, None)
    with pytest.raises(TrainingRunError, match=f"Run {name} goes on; stop it first"):
        runs.start(REQUEST)
    runs.stop(wait_s=0.1)  # this one never looks
    assert runs.running() is None
    assert (tmp_path / "runs" / name / "stop").exists()
    assert Trainings(tmp_path / "runs").state(name).resumable


def test_a_process_that_nobody_here_started_counts_while_it_lives(run, runs):
    assert not goes_on(run)
    with lock_of(run):
        assert goes_on(run)
        with pytest.raises(TrainingRunError, match="goes on"):
            runs.delete("one")
    write_progress(run, TrainingProgress("running", "steps", 3, 9))
    assert runs.state("one").broken_off


def test_a_run_that_ended_early_goes_on_and_a_complete_one_does_not(run, runs, idle):
    ask_to_stop(run)
    runs.resume("one")
    assert not (run / "stop").exists()
    runs.stop(wait_s=0.1)
    (run / "encoder.safetensors").write_bytes(b"")
    with pytest.raises(TrainingRunError, match="complete"):
        runs.resume("one")


@pytest.mark.parametrize("name", ["two", "", "..", "../one", "one/../one", "frames"])
def test_a_run_is_known_by_its_own_name_only(run, runs, name):
    for call in (runs.state, runs.resume, runs.delete, runs.metrics):
        with pytest.raises(TrainingRunError, match="no such run"):
            call(name)


def test_a_deleted_run_is_gone(run, runs):
    runs.delete("one")
    assert (run.exists(), runs.states()) == (False, [])


def test_a_damaged_request_is_passed_over_and_refused_by_name(run, runs):
    (run / "request.json").write_text('{"format": 1')
    assert runs.states() == []
    with pytest.raises(TrainingRunError, match="damaged"):
        read_request(run)


def test_two_runs_of_one_minute_have_two_names_and_the_newest_comes_first(tmp_path, idle):
    runs = Trainings(tmp_path)
    names = []
    for _ in range(2):
        names.append(runs.start(REQUEST))
        runs.stop(wait_s=0.05)
    assert len(set(names)) == 2
    assert [state.name for state in runs.states()] == sorted(names, reverse=True)


def test_a_smoothed_curve_starts_at_its_first_value_and_ends_near_its_last():
    assert smoothed([]) == []
    assert smoothed([4.0, 4.0]) == [4.0, 4.0]
    curve = smoothed([1.0] * 10 + [0.0] * 200)
    assert curve[0] == 1.0
    assert 0 < curve[-1] < 1e-3


# Encoders


def test_each_encoder_is_known_once_by_its_name_here(tmp_path, small_encoder, run, runs):
    with Library.create(tmp_path / "library", load_encoder(small_encoder)) as library:
        (run / "encoder.safetensors").write_bytes(small_encoder.read_bytes())
        names = [known.name for known in known_encoders(library, runs.states())]
        assert names[0] == library.checkpoint.name
        assert "one" not in names  # the library's own
        default = load_encoder()
        default.write(run / "encoder.safetensors")
        (run / "encoder.safetensors").touch()
        assert [known.name for known in known_encoders(library, runs.states())] == names
        assert known_encoders(library, [])[0].load().fingerprint == library.checkpoint.fingerprint
