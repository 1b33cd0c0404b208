from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoder.decoding import _decode
from training import cache
from training.cache import FrameCache
from training.corpus import Corpus, Manifest, divide, make_corpus, read_frames
from training.errors import TrainingError

FPS, SIZE = 2.0, 32
GROUPS = ("u1", "u2", "u10", "u1", "u21")
Shown = dict[Path, np.ndarray]


class InlinePool(cache.DecodePool):
    """Decodes in this process."""

    def decode(self, jobs: Any) -> Iterator[Any]:
        for job in jobs:
            yield from _decode(job, lambda: None)


@pytest.fixture
def signs(clip: Callable[..., Path], tmp_path: Path) -> Path:
    """A manifest of a video of each of the GROUPS, and of one of u1 and one of u2 that can't be read."""
    lines = [f"{clip(tmp_path / f'{number}.mp4', number, 1).name},wave,{group}" for number, group in enumerate(GROUPS)]
    (tmp_path / "bad.mp4").write_text("no video")
    return written(tmp_path / "signs.csv", *lines, "bad.mp4,wave,u1", "gone.mp4,wave,u2")


def written(path: Path, *lines: str, header: str = "path,label,group") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.fixture
def frames(signs: Path, monkeypatch: pytest.MonkeyPatch) -> FrameCache:
    """The videos of `signs`, decoded."""
    monkeypatch.setattr(cache, "DecodePool", InlinePool)
    return read_frames([Manifest(signs, "")], signs.parent / "frames", FPS, SIZE, workers=1)


def numbers(videos: Any, frames: FrameCache) -> list[int]:
    """Which of the files 0.mp4, 1.mp4, ... some videos are, by their pictures."""
    named = {frame.tobytes(): int(path.stem) for path, frame in zip(frames.paths, frames, strict=True)}
    return [named[video.tobytes()] for video in videos]


# Real videos


@pytest.mark.parametrize(
    ("unseen", "kept_back"),
    [("u1", [0, 3]), ("u2", [1]), ("u1.*", [0, 2, 3]), ("u2|u10", [1, 2]), ("u[12]", [0, 1, 3]), (".*1", [0, 3, 4])],
)
def test_groups_whose_whole_name_matches_are_kept_back_and_all_others_trained_on(signs, frames, unseen, kept_back):
    seen, held_out = divide([Manifest(signs, unseen)], frames)["signs"]
    assert numbers(held_out.videos, frames) == kept_back
    assert numbers(seen.videos, frames) == [number for number in range(5) if number not in kept_back]
    assert list(held_out.groups) == [GROUPS[number] for number in kept_back]
    assert not set(seen.groups) & set(held_out.groups)
    assert (set(seen.labels), seen.fps, held_out.fps) == ({"wave"}, FPS, FPS)


def test_videos_that_can_not_be_read_are_on_neither_side(signs, frames):
    assert {Path(error.path).name for error in frames.failed} == {"bad.mp4", "gone.mp4"}
    seen, held_out = divide([Manifest(signs, "u1")], frames)["signs"]
    assert len(seen.videos) + len(held_out.videos) == len(frames) == 5
    written(signs, "0.mp4,wave,u1", "gone.mp4,wave,u2")
    with pytest.raises(TrainingError, match="is left to train on"):
        divide([Manifest(signs, "u1")], frames)


def test_real_videos_are_trained_on_beside_drawn_ones_and_measured_apart(signs, frames):
    more = written(signs.with_name("more.csv"), "1.mp4,nod,a", "0.mp4,nod,b")
    made = make_corpus([Manifest(signs, "u1"), Manifest(more, "b")], frames, 1)
    drawn = len(made.held_out.drawn.videos)
    assert len(made.training) == 3 + 1 + drawn
    assert numbers(made.training[:-drawn], frames) == [1, 2, 4, 1]
    kept_back = {name: numbers(data.videos, frames) for name, data in made.held_out.real.items()}
    assert kept_back == {"signs": [0, 3], "more": [0]}
    assert made.held_out.main is made.held_out.real["signs"]


# Manifests that can't be


@pytest.mark.parametrize(
    ("unseen", "told"),
    [
        ("u3", r"with 'u3' no group of .*signs.csv is left to measure on"),
        ("u", r"with 'u' no group of .*signs.csv is left to measure on"),
        ("u.*", r"with 'u\.\*' no group of .*signs.csv is left to train on"),
    ],
)
def test_a_pattern_that_leaves_nobody_on_a_side_is_told(signs, frames, unseen, told):
    with pytest.raises(TrainingError, match=told):
        make_corpus([Manifest(signs, unseen)], frames)


@pytest.mark.parametrize(
    "content",
    ["", "path,label,group\n", "path,label\na.mp4,wave\n", "a.mp4,wave,u1\n", "path,label,group\na.mp4,wave\n"],
)
def test_a_file_without_videos_labels_and_groups_is_told(tmp_path, content):
    (tmp_path / "signs.csv").write_text(content)
    told = r"signs.csv must list videos under the header path,label,group, all three of each"
    with pytest.raises(TrainingError, match=told):
        read_frames([Manifest(tmp_path / "signs.csv", "u1")], tmp_path / "frames", FPS, SIZE)
    assert not (tmp_path / "frames").exists()


def test_a_missing_file_and_one_that_is_no_text_are_told(tmp_path):
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff")
    for name, told in [("gone", "No such file"), ("picture", "can't decode")]:
        with pytest.raises(TrainingError, match=rf"{name}.csv can't be read as a manifest: .*{told}"):
            read_frames([Manifest(tmp_path / f"{name}.csv", "u1")], tmp_path / "frames", FPS, SIZE)


def test_manifests_of_one_name_are_told_apart_by_nobody(signs, frames, tmp_path):
    (tmp_path / "others").mkdir()
    others = written(tmp_path / "others" / "signs.csv", "../0.mp4,wave,a", "../1.mp4,wave,b")
    with pytest.raises(TrainingError, match=r"go by a manifest's name, and that of .*signs.csv is taken; rename it"):
        divide([Manifest(signs, "u1"), Manifest(others, "a")], frames)
    with pytest.raises(TrainingError, match=r"that of .*drawn.csv is taken"):
        divide([Manifest(others.replace(tmp_path / "drawn.csv"), "a")], frames)


def test_a_video_that_one_manifest_trains_on_and_another_keeps_back_is_refused(signs, frames):
    again = written(signs.parent / "again.csv", "0.mp4,wave,u7", "1.mp4,wave,u8")
    assert divide([Manifest(signs, "u1"), Manifest(again, "u7")], frames)
    with pytest.raises(TrainingError, match=r"0\.mp4 would be trained on and measured on"):
        divide([Manifest(signs, "u1"), Manifest(again, "u8")], frames)


def test_a_pattern_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"by a regular expression, got 'u\[1': unterminated character set"):
        Manifest(Path("signs.csv"), "u[1")


def test_a_manifest_saved_by_a_spreadsheet_is_read(signs, frames):
    signs.write_bytes(b"\xef\xbb\xbf" + signs.read_bytes().replace(b"\n", b"\r\n"))
    _, held_out = divide([Manifest(signs, "u1")], frames)["signs"]
    assert numbers(held_out.videos, frames) == [0, 3]


# Drawn videos


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """Without any manifest."""
    folder = tmp_path_factory.mktemp("frames")
    return make_corpus((), read_frames((), folder, FPS, SIZE), videos_per_action=1)


def test_drawn_videos_that_are_measured_on_are_others_than_those_trained_on_in_the_same_places(drawn):
    kept_back = drawn.held_out.drawn
    assert drawn.held_out.main is kept_back
    assert len(drawn.training) == len(kept_back.videos)
    assert all((one != other).any() for one, other in zip(drawn.training, kept_back.videos, strict=True))
    means, others = (np.stack([video.mean(0) for video in videos]) for videos in (drawn.training, kept_back.videos))
    nearest = np.abs(means[:, None] - others).mean((2, 3, 4)).argmin(1)  # a mean picture is mostly the place
    assert [kept_back.groups[number] for number in nearest] == kept_back.groups


def test_moved_videos_show_the_actions_of_the_drawn_ones_elsewhere(drawn):
    kept_back, moved = drawn.held_out.drawn, drawn.held_out.moved
    assert moved.labels == kept_back.labels
    assert all(new != old for new, old in zip(moved.groups, kept_back.groups, strict=True))
