import numpy as np
import pytest

from encoder.clips import Span
from encoder.config import EncoderConfig
from indexer.modes import ModeError, part_of
from indexer.requests import Example, Mode


@pytest.fixture
def filled(library, moving_video, videos):
    """A library of five films of blobs, and the path of the first."""
    paths = [moving_video(videos / f"{seed}.mp4", 8, seed=seed) for seed in range(5)]
    library.add([videos])
    return library, paths


def names(library, matches):
    paths = library.catalog.paths(match.video_id for match in matches)
    return [paths[match.video_id][0].rsplit("/", 1)[-1] for match in matches]


def test_copies_are_found_and_nothing_else(filled):
    library, paths = filled
    matches = library.search(paths[2], mode=Mode.COPY)
    assert names(library, matches) == ["2.mp4"]
    assert matches[0].score > 0.9


def test_a_part_of_a_video_is_found_where_it_is(filled):
    library, paths = filled
    best = library.search(Example(paths[1], Span(2.5, 5.5)), mode=Mode.COPY)[0].segments[0]
    assert (best.video.start, best.video.end) == pytest.approx((2.5, 5.5), abs=0.1)


def test_footage_that_no_video_shows_has_no_answer(filled, moving_video, tmp_path):
    library, _ = filled
    other = moving_video(tmp_path / "other.mp4", 4, seed=99)
    assert library.search(other, mode=Mode.COPY) == []
    assert library.search(other)


@pytest.mark.parametrize("mode", [Mode.MOTION, Mode.LOOK])
def test_a_part_of_the_embedding_ranks_all_videos_and_the_clip_itself_comes_first(filled, mode):
    library, paths = filled
    matches = library.search(paths[3], mode=mode)
    assert len(matches) == 5
    assert names(library, matches)[0] == "3.mp4"


def test_look_and_motion_are_the_parts_of_an_embedding_in_this_order():
    config = EncoderConfig(look_dim=8, motion_dim=16)
    assert (part_of(config, Mode.LOOK), part_of(config, Mode.MOTION)) == (slice(0, 8), slice(8, 24))


def test_an_encoder_that_sees_motion_alone_refuses_look_and_says_so():
    config = EncoderConfig(look_dim=0, motion_weight=1.0)
    assert part_of(config, Mode.MOTION) == slice(0, config.dim)
    with pytest.raises(ModeError, match="sees motion alone"):
        part_of(config, Mode.LOOK)


def test_an_unwanted_copy_counts_off_and_one_that_no_video_shows_does_not(filled, moving_video, tmp_path):
    library, paths = filled
    other = moving_video(tmp_path / "other.mp4", 4, seed=99)
    both = library.search([paths[0], paths[1]], mode=Mode.COPY)
    assert [match.score for match in both] == pytest.approx([0.5, 0.5], abs=0.05)
    assert names(library, library.search(paths[0], [other], mode=Mode.COPY)) == ["0.mp4"]
    assert np.isclose(library.search(paths[0], [paths[0]], mode=Mode.COPY)[0].score, 0, atol=0.1)
