"""Small JPEG pictures of videos: posters of moments, and strips that show how a part of a video goes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media import Decoders, Picture, fitted
from encoder.clips import Span

_POSTER, _TILE = 360, 240  # pixels, the longer side of a poster, and of each picture of a strip
_KEPT = 500  # pictures in memory
_QUALITY = 82


class Posters:
    """Small JPEG pictures of moments and strips of them, the latest ones kept."""

    def __init__(self, decoders: Decoders) -> None:
        self._decoders = decoders
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    def jpeg(self, path: str, content: str, seconds: float, width: int, height: int) -> bytes:
        """A poster in the given shape.

        Raises:
            VideoError: the file can't be read, or ends before that time.
        """
        size = fitted(width, height, _POSTER)
        return self._get((content, seconds), lambda: [self._decoders.picture(path, seconds, _POSTER)], size)

    def strip(self, path: str, content: str, span: Span, count: int, width: int, height: int) -> bytes:
        """So many pictures of a part of a video beside each other, each in the given shape.

        Raises:
            VideoError: the file can't be read, or ends before the part.
        """
        key, size = (content, span, count), fitted(width, height, _TILE)
        return self._get(key, lambda: self._decoders.strip(path, span, count, _TILE), size)

    def _get(self, key: Hashable, decode: Callable[[], list[Picture]], size: tuple[int, int]) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        jpeg = _jpeg([cv2.resize(square, size, interpolation=cv2.INTER_AREA) for square in decode()])
        with self._lock:
            self._kept[key] = jpeg
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return jpeg


def _jpeg(pictures: Sequence[NDArray[Any]]) -> bytes:
    """Pictures of one size, from left to right."""
    row = cv2.cvtColor(np.concatenate(pictures, axis=1), cv2.COLOR_RGB2BGR)
    done, array = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return array.tobytes()
