"""Four trivial features of a whole video: what an encoder has to beat before its numbers mean anything.

Each takes (T, H, W, 3) uint8 RGB frames that span the video, T >= 1, and gives a float32 vector whose length
does not depend on T, H or W. The vectors are not all normalised; compare them by cosine, where a zero vector
is like nothing.
"""

from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
Feature = NDArray[np.float32]

_SIDE = 16  # pixels of the thumbnails, both sides
_MOMENTS = 8  # thumbnails, or bins of motion, a video
_LEVELS = 8  # of each colour channel in the histogram
_GREY_STEP = 2.0**-8  # grey levels: coarser than the noise of float32 resizing, which would give flat frames a look


def colour_histogram(frames: Frames) -> Feature:
    """Square root of the joint 8 x 8 x 8 RGB histogram of all frames: the cosine is the Hellinger affinity.

    Returns:
        (512,) unit vector, red slowest and blue fastest.
    """
    _check(frames)
    red, green, blue = np.moveaxis(frames // (256 // _LEVELS), -1, 0).astype(np.int32)
    counts = np.bincount(((red * _LEVELS + green) * _LEVELS + blue).ravel(), minlength=_LEVELS**3)
    shares: Feature = np.sqrt(counts / counts.sum()).astype(np.float32)
    return shares


def mean_frame(frames: Frames) -> Feature:
    """The 16 x 16 RGB mean of all frames, less its own mean over pixels and channels: the look, no motion.

    Without that subtraction all values are positive, every cosine is near 1, and overall brightness decides.

    Returns:
        (768,) in grey levels, rows, columns, channels; zero when every pixel of the mean is the same grey.
    """
    picture = _thumbnails(frames).mean(axis=0)
    return _centred(picture.ravel())


def motion_pixels(frames: Frames) -> Feature:
    """Eight evenly spread frames in grey at 16 x 16, less their mean over time: what moved, and where it was.

    Returns:
        (2048,) in grey levels, time, rows, columns; zero when nothing moves.
    """
    grey = _grey_thumbnails(frames)
    middles = (np.arange(_MOMENTS) + 0.5) / _MOMENTS  # of eighths of the video
    moments = (middles * len(grey)).astype(int)  # every frame once when T = 8
    return _centred(grey[moments]).ravel()


def motion_energy(frames: Frames) -> Feature:
    """How much each 16 x 16 cell changes from frame to frame, averaged in eight equal parts of the video.

    Any T: the change between two frames counts in each part by the share of its time that lies there.

    Returns:
        (2048,) in grey levels a frame, time, rows, columns; zero when nothing moves or T = 1.
    """
    change = np.abs(np.diff(_grey_thumbnails(frames), axis=0))  # (T - 1, 16, 16)
    energy = np.tensordot(_time_shares(len(change)), change, axes=1)
    return energy.astype(np.float32).ravel()


BASELINES: Final[Mapping[str, Callable[[Frames], Feature]]] = {
    "colour histogram": colour_histogram,
    "mean frame": mean_frame,
    "motion pixels": motion_pixels,
    "motion energy": motion_energy,
}


def _check(frames: Frames) -> None:
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3 or frames.size == 0:
        raise ValueError(f"frames must be (T, H, W, 3) uint8 and not empty, got {frames.shape} {frames.dtype}")


def _thumbnails(frames: Frames) -> Feature:
    """Each frame resized by area: (T, 16, 16, 3) in grey levels, whole multiples of the grey step."""
    _check(frames)
    return np.stack([np.round(_resized(frame) / _GREY_STEP) * _GREY_STEP for frame in frames])


def _resized(frame: Frames) -> Feature:
    small = cv2.resize(frame.astype(np.float32), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _grey_thumbnails(frames: Frames) -> Feature:
    """The thumbnails' luma: (T, 16, 16)."""
    return np.stack([cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in _thumbnails(frames)])


def _centred(values: Feature) -> Feature:
    """Less the mean along the first axis, and exactly zero where all values there are the same."""
    moving = values - values[:1]  # first, because the rounded mean of equal floats need not equal them
    return np.asarray(moving - moving.mean(axis=0), dtype=np.float32)


def _time_shares(changes: int) -> NDArray[np.float64]:
    """(8, changes) weights that average `changes` equal stretches of time in eight parts; rows sum to 1."""
    if changes == 0:
        return np.zeros((_MOMENTS, 0))
    edges = np.arange(changes + 1) / changes
    parts = np.arange(_MOMENTS + 1)[:, None] / _MOMENTS
    overlap = np.minimum(edges[1:], parts[1:]) - np.maximum(edges[:-1], parts[:-1])
    return overlap.clip(min=0) * _MOMENTS
