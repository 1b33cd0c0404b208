import cv2
import numpy as np
import pytest

from encoder.clips import ClipSpec, Span
from indexer.align import Timeline
from indexer.readings import Reading
from indexer.requests import Mode
from indexer.search import Query
from indexer.stills import held, mode_for

SPEC = ClipSpec(frames=8, fps=4.0, size=32, hop=4)


def query(seconds):
    return Query([Reading(Timeline(Span(1, 1 + seconds), np.ones(1), SPEC.clip_s), np.eye(1, 8, dtype=np.float32))])


def test_a_picture_is_shown_for_as_long_as_a_clip_and_a_video_as_long_as_it_is():
    assert held(query(0.04), SPEC).span == Span(1, 3)
    clip = query(0.5)
    assert held(clip, SPEC) is clip


@pytest.mark.parametrize(
    ("mode", "seconds", "look_dim", "how"),
    [
        (Mode.SIMILAR, [0.04, 0.04], 64, Mode.LOOK),
        (Mode.SIMILAR, [0.04, 3], 64, Mode.SIMILAR),
        (Mode.SIMILAR, [0.04], 0, Mode.SIMILAR),
        (Mode.MOTION, [0.04], 64, Mode.MOTION),
    ],
)
def test_pictures_are_searched_for_by_look_unless_something_else_is_asked(mode, seconds, look_dim, how):
    assert mode_for(mode, [query(each) for each in seconds], SPEC, look_dim) is how


def test_a_picture_finds_the_video_that_it_is_of(library, clip, videos, tmp_path, shared_picture):
    paths = [clip(videos / f"{seed}.mp4", seed) for seed in range(4)]
    library.add([videos])
    cv2.imwrite(str(tmp_path / "x.png"), shared_picture(paths[2]))
    best = library.search(tmp_path / "x.png")[0]
    assert library.catalog.paths()[best.video_id] == [str(paths[2])]
    assert best.segments[0].video.duration > 1


@pytest.fixture
def shared_picture():
    """The first picture of a video, as OpenCV writes it."""
    from encoder.video import read_clips

    spec = ClipSpec(frames=1, fps=4.0, size=96, hop=1)
    return lambda path: next(iter(read_clips(path, spec))).pictures[0][..., ::-1]
