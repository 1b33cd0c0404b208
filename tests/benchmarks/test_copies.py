import json
import sys

import numpy as np
import pytest

from benchmarks import copies
from benchmarks.copies import Answer, Direction, copies_ap, table, write_video
from benchmarks.edits import CRF, kinds
from benchmarks.gallery import recordings
from benchmarks.sources import in_turns, movement, read_source, turning
from encoder.clips import Span
from encoder.video import probe
from indexer.tables import Video

RNG = np.random.default_rng(0)


def moving(count=12, height=48, width=64):
    """A white square on its way across grey."""
    frames = np.full((count, height, width, 3), 60, np.uint8)
    for t, frame in enumerate(frames):
        left = t * (width - 16) // max(1, count - 1)
        frame[16:32, left : left + 16] = (255, 200, 40)
    return frames


def answer(score=None, wrong=(), kind="blur", by_mean=False):
    """That of a query whose right video has a score, or is not found."""
    rank = None if score is None else 1 + sum(other >= score for other in wrong)
    return Answer(kind, kind, "a.mp4", 0.0, rank, score, "a.mp4", list(wrong), by_mean)


# Sources


def test_folders_of_every_level_take_turns():
    paths = [f"/v/big/{name}/{i}.mp4" for name in ("x", "y") for i in range(20)] + [
        f"/v/small/{i}.mp4" for i in range(4)
    ]
    drawn = list(in_turns(paths, lambda path: path.split("/")[2:-1], np.random.default_rng(0)))
    assert sorted(map(tuple, drawn[:8])) == [("big", "x")] * 2 + [("big", "y")] * 2 + [("small",)] * 4
    assert len(drawn) == len(paths)


def test_the_order_in_a_folder_is_random_and_the_seed_decides_it():
    paths = [f"/v/{i}.mp4" for i in range(30)]
    orders = [list(in_turns(paths, str, np.random.default_rng(seed))) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == sorted(paths)


def test_what_gives_nothing_costs_its_folder_no_turn():
    paths = [f"/v/{folder}/{i}.mp4" for folder in "ab" for i in range(9)]
    drawn = in_turns(paths, lambda path: None if "/a/" in path and "3" not in path else path, np.random.default_rng(0))
    assert "/v/a/3.mp4" in [next(drawn), next(drawn)]


def test_a_part_is_read_in_the_shape_and_at_the_rate_of_the_video(moving_video, tmp_path):
    path = moving_video(tmp_path / "a.mp4", 3, seed=1, fps=12, size=(96, 40))
    source = read_source(str(path), Video(id=7, duration=3.0, width=96, height=40, fps=12.0), Span(1.0, 2.0))
    assert (source.video, source.start, source.fps) == (7, 1.0, 12.0)
    assert source.frames.shape == (12, 40, 96, 3)
    whole = read_source(str(path), Video(id=7, duration=3.0, width=96, height=40, fps=12.0), Span(0.0, 3.0))
    assert (whole.frames[12:24] == source.frames).all()
    assert movement(whole.frames) > 1


def test_large_and_fast_videos_are_read_smaller_and_slower(make_video, tmp_path):
    path = make_video(tmp_path / "a.mkv", [i / 60 for i in range(60)], size=(800, 200))
    source = read_source(str(path), Video(id=1, duration=1.0, width=800, height=200, fps=60.0), Span(0.0, 1.0))
    assert source.frames.shape == (30, 80, 320, 3)


def test_a_still_video_does_not_move():
    assert movement(np.repeat(moving(1), 5, 0)) == 0
    assert movement(moving()) > 1


def test_time_has_no_direction_in_what_goes_and_comes_back_alike():
    there = moving()
    assert turning(np.concatenate([there, there[::-1]])) == 0
    assert turning(there) > 3


# Copies


def test_a_written_copy_reads_as_it_was_but_for_an_odd_row_and_column(tmp_path):
    frames = moving(10, 49, 65)
    write_video(tmp_path / "copy.mp4", frames, 29.97, CRF)
    info = probe(tmp_path / "copy.mp4")
    assert (info.width, info.height) == (64, 48)
    assert info.fps == pytest.approx(29.97, abs=0.01)
    video = Video(id=1, duration=info.duration, width=64, height=48, fps=info.fps)
    again = read_source(str(tmp_path / "copy.mp4"), video, Span(0.0, 9.0)).frames
    assert again.shape == (10, 48, 64, 3)
    assert np.abs(again.astype(float) - frames[:, :48, :64]).mean() < 3


def test_a_copy_plays_at_its_rate(tmp_path):
    write_video(tmp_path / "copy.mp4", moving(10), 5.0, CRF)
    assert probe(tmp_path / "copy.mp4").duration == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("path", "same", "names"),
    [
        ("/v/take 12 flipped.mp4", [r"take (\d+)"], {"12"}),
        ("/v/other.mp4", [r"take (\d+)"], set()),
        ("/v/bars 10bit.mp4", [r"take (\d+)", "bars|stripes"], {"bars|stripes"}),
        ("/v/take 12.mp4", [], set()),
    ],
)
def test_a_recording_is_known_by_what_the_group_captures_or_by_the_pattern_where_it_has_none(path, same, names):
    assert recordings(path, same) == {path, *names}


# Numbers


@pytest.mark.parametrize(
    ("answers", "area"),
    [
        ([answer(0.9, [0.1]), answer(0.5, [0.4])], 1.0),
        ([answer(0.9, [0.8]), answer(0.5, [0.4])], (1 + 2 / 3) / 2),  # a wrong one of another query comes between
        ([answer(0.9), answer(None, [0.2])], 0.5),
        ([answer(None, [0.2])], 0.0),
        ([answer(None)], 0.0),
        ([answer(0.5, [0.5])], (1 + 1 / 2) / 2),  # tied: either first
    ],
)
def test_copies_ap_falls_with_wrong_results_above_right_ones_of_any_query(answers, area):
    assert copies_ap(answers) == pytest.approx(area)


def test_the_table_has_a_row_a_kind_and_one_for_direction():
    answers = [answer(0.9), answer(0.4, [0.6], by_mean=True), answer(0.9, kind="mirror", by_mean=True)]
    rows = table(answers, [Direction("a", 5, 0.9, 0.2), Direction("b", 5, 0.4, 0.4)]).splitlines()
    assert rows[2].startswith("| blur | 2 | 50.0% | 0% to 100% | ")
    assert rows[2].endswith(" | 50.0% |")
    assert rows[3] == "| mirror | 1 | 100.0% | 0% to 100% | 100.0% | 100.0% |"
    assert rows[4] == "| reversed: told apart | 2 | 50.0% | 0% to 100% | | |"


# The whole


@pytest.fixture(scope="module")
def collection(moving_video, tmp_path_factory, small_encoder):
    """Videos of two folders, one of them long, one twice and one in two sizes."""
    folder = tmp_path_factory.mktemp("copies")
    for seed, name in enumerate(("a/1", "a/2", "b/3")):
        (folder / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        moving_video(folder / f"videos/{name}.mp4", 2, seed, fps=8)
    moving_video(folder / "videos/b/long.mp4", 15, 5, fps=8)
    (folder / "videos/b/3 again.mp4").write_bytes((folder / "videos/b/3.mp4").read_bytes())
    (folder / "videos/b/broken.mp4").write_bytes(b"no video")
    (folder / "small.safetensors").write_bytes(small_encoder.read_bytes())
    return folder


def run(monkeypatch, capfd, folder, *options, videos="videos"):
    asked = ["copies", str(folder / videos), "--encoder", str(folder / "small.safetensors"), "--out", str(folder)]
    monkeypatch.setattr(sys, "argv", [*asked, *options])
    copies.main()
    written = json.loads((folder / "copies.json").read_text(encoding="utf-8"))
    return capfd.readouterr().out, written


def test_edited_videos_are_searched_for_and_every_answer_is_kept(collection, monkeypatch, capfd):
    out, written = run(monkeypatch, capfd, collection, "--queries", "1")
    names = ["re-encoded only", *[kind.name for kind in kinds(moving())], "three at once"]
    assert [row["kind"] for row in written["answers"]] == [*names, "cut of 3 s"]
    assert [line.split(" | ")[0] for line in out.splitlines()[2:]] == [
        f"| {name}" for name in [*names, "cut of 3 s", "reversed: told apart"]
    ]
    plain = [row for row in written["answers"] if row["kind"] in ("re-encoded only", "cut of 3 s")]
    assert [row["rank"] for row in plain] == [1, 1]
    assert all(row["score"] > 0.8 and row["right_by_mean"] for row in plain)
    assert written["directions"]
    assert all(one["forwards"] > one["backwards"] for one in written["directions"])


def test_the_library_is_kept_and_any_video_of_the_recording_is_right(collection, monkeypatch, capfd):
    _, written = run(monkeypatch, capfd, collection, "--queries", "1", "--same", "/(videos)/")
    assert len(list(collection.glob("library-*"))) == 1
    assert all(row["rank"] == 1 and row["wrong"] == [] and row["right_by_mean"] for row in written["answers"])


def test_a_missing_folder_is_told_in_a_sentence(collection, monkeypatch, capfd):
    with pytest.raises(SystemExit, match="nowhere: no such file or folder"):
        run(monkeypatch, capfd, collection, videos="nowhere")
