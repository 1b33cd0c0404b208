"""A decoded frame as a small upright picture."""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # (H, W, 3) RGB


class Resizer:
    """Makes frames of one video small; remembers how."""

    def __init__(self, size: int) -> None:
        self._size, self._reformatter = size, VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Picture:
        """The whole frame as a square; (size, size, 3)."""
        small = self._reformatter.reformat(frame, self._size, self._size, "rgb24", interpolation=Interpolation.AREA)
        return np.ascontiguousarray(np.rot90(small.to_ndarray(), quarter_turns(frame)))


def quarter_turns(frame: VideoFrame) -> int:
    """Counter-clockwise quarter turns that set the picture upright; 0 for angles between, shown by no player."""
    return frame.rotation // 90 % 4 if frame.rotation % 90 == 0 else 0
