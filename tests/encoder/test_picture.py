from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from encoder.clips import ClipSpec, Span
from encoder.video import probe, read_clips

SPEC = ClipSpec(frames=8, fps=4, size=16, hop=4)
LOSSY = 4  # grey levels that a codec may be off by


def levels(path: Path, fps: float = 4.0, span: Span | None = None) -> list[float]:
    """Mean level of every grid frame."""
    return [clip.frames.mean() for clip in read_clips(path, ClipSpec(1, fps, 16, 1), span)]


def corners(path: Path) -> tuple[int, int]:
    """Row and column, 0 or 1, of the white corner of the first picture."""
    picture = next(read_clips(path, ClipSpec(1, 4, 32, 1))).frames[0].mean(2)
    quarters = picture.reshape(2, 16, 2, 16).mean((1, 3))
    row, column = np.unravel_index(quarters.argmax(), (2, 2))
    return int(row), int(column)


def one_white_corner(width: int = 64, height: int = 48) -> np.ndarray:
    picture = np.zeros((height, width, 3), np.uint8)
    picture[: height // 2, : width // 2] = 255
    return picture


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_rotated_video_is_read_upright(tmp_path, make_video, rotation):
    path = make_video(tmp_path / "a.mp4", [0, 0.04], [one_white_corner()] * 2, codec="libx264", rotation=rotation)
    capture = cv2.VideoCapture(str(path))  # turns pictures by the metadata
    upright = capture.read()[1].mean(2)
    height, width = upright.shape
    quarters = upright.reshape(2, height // 2, 2, width // 2).mean((1, 3))
    assert corners(path) == np.unravel_index(quarters.argmax(), (2, 2))
    assert (probe(path).width, probe(path).height) == (width, height)


def test_each_rotation_sends_the_corner_somewhere_else(tmp_path, make_video):
    found = {
        corners(make_video(tmp_path / f"{r}.mp4", [0], [one_white_corner()], codec="libx264", rotation=r))
        for r in (0, 90, 180, 270)
    }
    assert len(found) == 4


@pytest.mark.parametrize("angle", [0, 90, 180, 270])
def test_a_phones_rotated_video_is_read_upright(shared_data, angle):
    path = shared_data / "formats" / "decord" / f"tests__test_data__video_{angle}.mov"
    if not path.is_file():
        pytest.skip(f"needs {path.name}")
    upright = cv2.VideoCapture(str(path)).read()[1][..., ::-1]
    found = next(read_clips(path, ClipSpec(1, 4, 64, 1))).frames[0].astype(float)
    error = [
        abs(cv2.resize(np.rot90(upright, turns), (64, 64), interpolation=cv2.INTER_AREA) - found).mean()
        for turns in range(4)
    ]
    assert error[0] == min(error) < 12
    assert (probe(path).height, probe(path).width) == upright.shape[:2]


@pytest.mark.parametrize(("rotation", "shown"), [(0, (85, 48)), (90, (48, 85))])
def test_pixels_that_are_not_square_count_in_the_width_shown(tmp_path, make_video, rotation, shown):
    path = make_video(tmp_path / "a.mp4", [0], codec="libx264", shape=Fraction(4, 3), rotation=rotation)
    assert (probe(path).width, probe(path).height) == shown


@pytest.mark.parametrize("size", [(63, 47), (65, 48), (2, 2), (64, 1), (640, 16)])
def test_any_size_of_picture_becomes_a_square(tmp_path, make_video, grey, size):
    path = make_video(tmp_path / "a.mkv", [0, 0.25], size=size, last_s=0.25)
    (clip,) = read_clips(path, SPEC)
    assert clip.frames.shape == (8, 16, 16, 3)
    assert (clip.frames[0] == grey(0)).all()
    assert (clip.frames[1] == grey(1)).all()
    assert (probe(path).width, probe(path).height) == size


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv444p", "yuv422p10le"])
def test_deep_and_odd_pixel_formats_are_read(tmp_path, make_video, grey, pixels):
    path = make_video(tmp_path / "a.mkv", [0, 0.25, 0.5], codec="libx264", pixels=pixels, last_s=0.25)
    assert levels(path) == pytest.approx([grey(0), grey(1), grey(2)], abs=LOSSY)


def test_colours_arrive_as_red_green_blue(tmp_path, make_video):
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[...] = 250, 120, 10
    path = make_video(tmp_path / "a.mkv", [0], [picture], pixels="bgr0")
    (clip,) = read_clips(path, SPEC)
    assert clip.frames[0, 0, 0].tolist() == [250, 120, 10]


def test_the_whole_picture_is_resized_not_cropped(tmp_path, make_video):
    picture = np.zeros((32, 128, 3), np.uint8)
    picture[:, :32] = 255
    path = make_video(tmp_path / "a.mkv", [0], [picture])
    row = next(read_clips(path, ClipSpec(1, 4, 16, 1))).frames[0, 8, :, 0]
    assert row[:4].tolist() == [255] * 4
    assert row[5:].tolist() == [0] * 11
