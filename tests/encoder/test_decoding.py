import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from encoder import decoding
from encoder.clips import ClipSpec, Span, clip_spans
from encoder.decoding import Decoded, DecodePool, Failed, Finished, Job, Opened, Reading
from encoder.video import read_clips

ROOT = Path(decoding.__file__).parents[1]
SPEC = ClipSpec(frames=8, fps=4.0, size=32, hop=4)


@pytest.fixture(scope="module")
def pool():
    """One worker, so that files end in the order given."""
    with DecodePool(1) as made:
        yield made


@pytest.fixture
def own_pool():
    with DecodePool(1) as made:
        yield made


def run(pool, *jobs):
    return [event for event in pool.decode(jobs) if event is not None]


def spans(events, path):
    return [span for event in events if isinstance(event, Decoded) and event.path == path for span in event.spans]


def ends(events):
    return [(Path(e.path).name, type(e).__name__) for e in events if isinstance(e, Finished | Failed)]


def test_each_file_is_opened_decoded_and_finished(pool, clip, videos):
    one, two = clip(videos / "one.mp4", 1), clip(videos / "two.mp4", 2, seconds=20)
    events = run(pool, Job(str(one), SPEC), Job(str(two), SPEC))
    assert ends(events) == [("one.mp4", "Finished"), ("two.mp4", "Finished")]
    assert [event.path for event in events if isinstance(event, Opened)] == [str(one), str(two)]
    assert spans(events, str(one)) == clip_spans(3, SPEC)
    assert spans(events, str(two)) == clip_spans(20, SPEC)
    first = next(event for event in events if isinstance(event, Decoded))
    assert first.frames.shape == (2, 8, 32, 32, 3)


def test_a_file_that_cannot_be_read_fails_with_a_reason_and_the_rest_goes_on(pool, clip, videos):
    bad = videos / "bad.mp4"
    bad.write_bytes(b"no video" * 100)
    events = run(pool, Job(str(bad), SPEC), Job(str(videos), SPEC), Job(str(clip(videos / "ok.mp4", 1)), SPEC))
    assert ends(events) == [("bad.mp4", "Failed"), ("videos", "Failed"), ("ok.mp4", "Finished")]
    assert [e.reason for e in events if isinstance(e, Failed)] == [
        "is not a video file, or is damaged beyond reading",
        "is a folder, not a video file",
    ]


def test_a_pipe_that_nobody_writes_to_does_not_hang(pool, videos):
    os.mkfifo(videos / "pipe.mp4")
    assert ends(run(pool, Job(str(videos / "pipe.mp4"), SPEC))) == [("pipe.mp4", "Failed")]


def test_a_decoder_that_falls_silent_is_given_up_and_replaced(own_pool, clip, videos):
    job = Job(str(clip(videos / "a.mp4", 1)), SPEC)
    run(own_pool, job)
    process = own_pool._workers[0].process
    os.kill(process.pid, signal.SIGSTOP)
    own_pool._stall_s, events = 1.0, []
    for event in own_pool.decode([job, replace(job, path=str(clip(videos / "b.mp4", 2)))]):
        if isinstance(event, Failed):
            own_pool._stall_s = 60.0  # the new one may take its time to start
        events += [event] if event else []
    assert ends(events) == [("a.mp4", "Failed"), ("b.mp4", "Finished")]
    assert events[0].reason == "no picture came for 1 s, so reading was given up"
    assert not process.is_alive()


def test_a_decoder_killed_between_files_costs_no_file(own_pool, clip, videos):
    job = Job(str(clip(videos / "a.mp4", 1)), SPEC)
    run(own_pool, job)
    os.kill(own_pool._workers[0].process.pid, signal.SIGKILL)
    own_pool._workers[0].process.join()
    assert ends(run(own_pool, job)) == [("a.mp4", "Finished")]


@pytest.mark.parametrize("size", [128, 512])  # 3 messages of 1 MB wait to be taken, or one of 18 MB
def test_a_decoder_killed_before_all_was_taken_fails_that_file_alone(own_pool, clip, videos, size):
    spec = ClipSpec(frames=8, fps=4.0, size=size, hop=1)
    jobs = [Job(str(clip(videos / name, 1, seconds=20)), spec) for name in ("a.mp4", "b.mp4")]
    events = []
    for event in own_pool.decode(jobs):
        if isinstance(event, Opened) and event.path.endswith("a.mp4"):
            time.sleep(0.5)  # long enough to decode; the message waits to be taken
            os.kill(own_pool._workers[0].process.pid, signal.SIGKILL)
        events += [event] if event else []
    assert ends(events) == [("a.mp4", "Failed"), ("b.mp4", "Finished")]
    assert "crashed on it (SIGKILL)" in next(e.reason for e in events if isinstance(e, Failed))


def test_the_time_that_the_caller_takes_is_no_silence_of_a_decoder(own_pool, clip, videos):
    job = Job(str(clip(videos / "a.mp4", 1)), SPEC)
    run(own_pool, job)
    process = own_pool._workers[0].process
    os.kill(process.pid, signal.SIGSTOP)
    own_pool._stall_s, events = 1.0, []
    for event in own_pool.decode([job]):
        if event is None and not events:  # it goes on, and has decoded when we look again
            os.kill(process.pid, signal.SIGCONT)
            time.sleep(1.5)
        events += [event] if event else []
        own_pool._stall_s = 60.0 if events else 1.0
    assert ends(events) == [("a.mp4", "Finished")]


def test_a_broken_off_run_leaves_nothing_to_the_next(own_pool, clip, videos):
    first, second = (clip(videos / f"{i}.mp4", i, seconds=20) for i in range(2))
    underway = own_pool.decode([Job(str(first), SPEC)])
    next(event for event in underway if isinstance(event, Opened))
    underway.close()
    events = run(own_pool, Job(str(second), SPEC))
    assert {event.path for event in events} == {str(second)}
    assert ends(events) == [("1.mp4", "Finished")]


def test_closing_ends_the_decoders_also_in_the_middle_of_a_file(clip, videos):
    pool = DecodePool(1)
    underway = pool.decode([Job(str(clip(videos / "a.mp4", 1, seconds=20)), SPEC)])
    next(event for event in underway if isinstance(event, Opened))
    process = pool._workers[0].process
    pool.close()
    assert not process.is_alive()


def test_jobs_are_drawn_only_when_a_decoder_is_free(pool, clip, videos):
    paths = [str(clip(videos / f"{i}.mp4", i)) for i in range(4)]
    drawn, finished = [], 0
    for event in pool.decode(drawn.append(path) or Job(path, SPEC) for path in paths):
        assert len(drawn) <= finished + 1
        finished += isinstance(event, Finished)
    assert drawn == paths


def test_pictures_of_several_clips_come_once(pool, clip, videos):
    path = str(clip(videos / "a.mp4", 1, seconds=11))
    (decoded,) = [e for e in run(pool, Job(path, SPEC)) if isinstance(e, Decoded)]
    assert len(decoded.pictures) == 44
    assert decoded.places[:2].tolist() == [list(range(8)), list(range(4, 12))]
    np.testing.assert_array_equal(decoded.frames, [each.frames for each in read_clips(path, SPEC)])


def test_fewer_files_than_decoders_are_decoded_by_several_threads_each(monkeypatch):
    started = []
    monkeypatch.setattr(DecodePool, "_start", lambda self, worker, job: started.append((job.path, job.threads)))
    monkeypatch.setattr(decoding, "_spawn", lambda: SimpleNamespace(path=None))
    for names in ("a", "abc", "abcdefgh"):
        next(DecodePool(6).decode(Job(name, SPEC) for name in names), None)
    assert started == [("a", 6), *((name, 2) for name in "abc"), *((name, 1) for name in "abcdef")]


KILLED = """
import os, signal, sys
from encoder.clips import ClipSpec
from encoder.decoding import DecodePool, Job, Decoded
if __name__ == "__main__":
    for event in DecodePool(2).decode([Job(path, ClipSpec()) for path in sys.argv[1:]]):
        if isinstance(event, Decoded):
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs to see what shared memory there is")
def test_a_killed_program_leaves_no_shared_memory_and_no_complaint(clip, videos, tmp_path):
    paths = [str(clip(videos / f"{i}.mp4", i, seconds=20)) for i in range(2)]
    (tmp_path / "killed.py").write_text(KILLED)
    before = set(Path("/dev/shm").glob("p[sy]m*"))
    command = [sys.executable, str(tmp_path / "killed.py"), *paths]
    ended = subprocess.run(command, capture_output=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (ended.returncode, ended.stderr) == (-signal.SIGKILL, b"")
    assert set(Path("/dev/shm").glob("p[sy]m*")) <= before


@pytest.mark.parametrize(("count", "starts"), [(1, [0]), (3, [0, 4.5, 9]), (10, list(range(10)))])
def test_so_many_clips_are_spread_evenly_over_the_video(pool, clip, videos, count, starts):
    path = str(clip(videos / "a.mp4", 1, seconds=11))
    events = run(pool, Job(path, SPEC, clips=count))
    assert [span.start for span in spans(events, path)] == pytest.approx(starts, abs=0.126)


def test_so_many_clips_are_spread_evenly_over_the_span_asked_for(pool, clip, videos):
    path = str(clip(videos / "a.mp4", 1, seconds=11))
    found = spans(run(pool, Job(path, SPEC, Span(4.0, 8.0), clips=3)), path)
    assert [(span.start, span.end) for span in found] == [(4, 6), (5, 7), (6, 8)]


def test_a_short_video_gives_fewer_clips_than_asked_for(pool, clip, videos):
    path = str(clip(videos / "a.mp4", 1, seconds=1))
    assert spans(run(pool, Job(path, SPEC, clips=10)), path) == [Span(0.0, 1.0)]


def test_stretched_is_one_clip_of_frames_from_all_over_the_video(pool, make_video, grey, videos):
    path = str(make_video(videos / "a.mkv", [i * 0.5 for i in range(16)], last_s=0.5))  # 8 s
    (decoded,) = [e for e in run(pool, Job(path, SPEC, stretched=True)) if isinstance(e, Decoded)]
    assert decoded.spans == [Span(0.0, 8.0)]
    assert decoded.frames.mean((2, 3, 4))[0] == pytest.approx([grey(i) for i in range(0, 16, 2)], abs=1)
    assert np.ptp(decoded.frames, (2, 3, 4)).max() <= 1


def test_finer_clips_start_between_grid_frames_and_hold_frames_a_grid_step_apart(pool, clip, videos):
    path = str(clip(videos / "a.mp4", 1))  # 3 s
    finer = [e for e in run(pool, Job(path, SPEC, clips=100, finer=4)) if isinstance(e, Decoded)]
    starts = [span.start for event in finer for span in event.spans]
    assert starts == [i / 16 for i in range(48 - 29 + 1)]
    frames = np.concatenate([event.frames for event in finer])
    regular = next(e for e in run(pool, Job(path, replace(SPEC, hop=1))) if isinstance(e, Decoded))
    assert np.array_equal(frames[::4], regular.frames)  # those that start on a grid frame
    assert not np.array_equal(frames[2], frames[0])


def test_finer_clips_that_would_be_too_many_start_on_grid_frames_alone(pool, clip, videos):
    path = str(clip(videos / "a.mp4", 1, seconds=20))
    starts = [span.start for span in spans(run(pool, Job(path, SPEC, clips=30, finer=4)), path)]
    assert len(starts) <= 31
    assert all(start % 0.25 == 0 for start in starts[:-1])
    assert starts[-1] == 20 - 29 / 16


def test_a_decoder_that_reads_long_without_a_clip_shows_that_it_lives(monkeypatch):
    sent = []
    monkeypatch.setattr(decoding, "_TELL_S", -1.0)
    list(decoding._decode(Job("nowhere", SPEC), decoding._Pulse(SimpleNamespace(send=sent.append), "nowhere")))
    assert sent == []  # nothing was read
    decoding._Pulse(SimpleNamespace(send=sent.append), "film.mp4")()
    assert sent == [Reading("film.mp4")]
