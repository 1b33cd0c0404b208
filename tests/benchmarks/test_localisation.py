from itertools import pairwise

import numpy as np
import pytest

from benchmarks.edits import Kind, backwards, speed, unedited
from benchmarks.hiding import FPS, Cut, Hidden, hide, shape_of
from benchmarks.localisation import Answer, Place, read_hidden, segments_ap, table, write_json
from benchmarks.sources import Source, read_source
from encoder.clips import Span
from encoder.video import probe
from indexer.tables import Video

SIZE = (96, 54)  # 16:9


def video(path, number=1):
    info = probe(path)
    return Video(id=number, duration=info.duration, width=info.width, height=info.height, fps=info.fps)


@pytest.fixture(scope="module")
def footage(moving_video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("footage")
    paths = [moving_video(folder / f"{seed}.mp4", 4, seed=seed, size=SIZE) for seed in range(4)]
    return {str(path): video(path, number) for number, path in enumerate(paths, 1)}


def test_cuts_lie_where_it_is_told_forwards_and_backwards_and_at_their_speed(footage, moving_video, tmp_path):
    path = str(moving_video(tmp_path / "hidden.mp4", 3, seed=9, size=SIZE))
    source = read_source(path, video(path), Span(0.5, 2.5))
    edits = [
        Kind("plain", "", unedited),
        Kind("turned", "", backwards),
        Kind("fast", "", lambda f, r: speed(f, r, 2.0)),
    ]
    cuts = [Cut(source, edit) for edit in edits]
    long = tmp_path / "long.mp4"
    hidden = hide(cuts, "16:9", footage, 30 * FPS, long, np.random.default_rng(0))
    assert [one.edit for one in hidden] == ["plain", "turned", "fast"]
    assert probe(long).duration == pytest.approx(30, abs=0.05)
    frames = read_source(str(long), video(long), Span(0, 31)).frames.astype(float)
    plain, turned, fast = (frames[round(one.span.start * FPS) : round(one.span.end * FPS)] for one in hidden)
    assert np.abs(plain - turned[::-1]).mean() < 4
    assert np.abs(plain[::2] - fast).mean() < 4
    assert np.abs(plain - turned).mean() > 2 * np.abs(plain - turned[::-1]).mean()
    assert all(before.span.end <= after.span.start for before, after in pairwise(hidden))
    assert hidden[0].source.duration == pytest.approx(2, abs=0.05)


def test_cuts_that_are_longer_than_the_file_are_refused(footage, tmp_path):
    source = Source(1, "a.mp4", 0.0, 25.0, np.zeros((100, 54, 96, 3), np.uint8))
    with pytest.raises(ValueError, match="1 cuts don't fit into 50 frames"):
        hide(
            [Cut(source, Kind("plain", "", unedited))],
            "16:9",
            footage,
            50,
            tmp_path / "a.mp4",
            np.random.default_rng(0),
        )


@pytest.mark.parametrize(
    ("size", "shape"), [((1920, 1080), "16:9"), ((640, 480), "4:3"), ((9, 16), "3:4"), ((5, 5), "1:1")]
)
def test_the_shape_is_the_nearest(size, shape):
    assert shape_of(Video(width=size[0], height=size[1])) == shape


def answer(*found, edit="re-encoded only"):
    """That of a cut at 10 to 13 s of a.mp4; each place found is its file, its start and its score, and 3 s long."""
    places = [Place(file, Span(start, start + 3), score) for file, start, score in found]
    return Answer(Hidden(edit, "s.mp4", Span(0, 3), "a.mp4", Span(10, 13)), places)


def test_a_segment_counts_by_the_time_it_shares_with_the_cut_and_in_its_file_only():
    assert answer(("a.mp4", 11.5, 1.0), ("b.mp4", 10, 0.9), ("a.mp4", 20, 0.8)).overlaps == pytest.approx([1 / 3, 0, 0])


def test_micro_ap_ranks_the_segments_of_all_queries_and_counts_the_first_right_one_of_each():
    answers = [
        answer(("a.mp4", 10, 0.9), ("a.mp4", 10.2, 0.85)),
        answer(("b.mp4", 0, 0.8), ("a.mp4", 10, 0.7)),
        answer(),
    ]
    assert segments_ap(answers) == pytest.approx((1 + 2 / 3) / 3)


def test_the_table_has_a_line_for_each_kind_and_one_for_all_that_are_the_same_scene():
    lines = table([answer(("a.mp4", 10, 0.9)), answer(edit="speed 2"), answer(edit="reversed")]).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == [
        "re-encoded only", "speed 2", "reversed", "all but reversed",
    ]  # fmt: skip
    assert "| 1 | 100.0% |" in lines[2]
    assert "| 2 | 50.0% |" in lines[5]


def test_what_is_hidden_comes_back_from_its_file(tmp_path):
    rows = [answer().hidden]
    write_json(tmp_path / "hidden.json", rows)
    assert read_hidden(tmp_path / "hidden.json") == rows
