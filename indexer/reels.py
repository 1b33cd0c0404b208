"""The small pictures of the library's videos, the latest ones kept in memory."""

import math
from collections import OrderedDict

from encoder.clips import Span
from indexer.catalog import Catalog
from indexer.film import Film
from indexer.reel import Reel

_MOST = 300_000  # pictures, each of 1 kB


class Reels:
    """Reels by video id."""

    def __init__(self, catalog: Catalog, fps: float) -> None:
        self._catalog, self._fps = catalog, fps
        self._kept: OrderedDict[int, Reel | None] = OrderedDict()
        self._pictures = 0

    def get(self, video_id: int) -> Reel | None:
        """The reel of a video; None of one that has no pictures or is gone."""
        if video_id in self._kept:
            self._kept.move_to_end(video_id)
            return self._kept[video_id]
        self._kept[video_id] = read = self._read(video_id)
        self._pictures += _size(read)
        while self._pictures > _MOST and len(self._kept) > 1:
            self._pictures -= _size(self._kept.popitem(last=False)[1])
        return read

    def _read(self, video_id: int) -> Reel | None:
        packed = self._catalog.sketches(video_id, Span(0.0, math.inf))
        videos = self._catalog.videos([video_id])
        if not packed or video_id not in videos:
            return None
        film = Film.from_sketches(packed, self._fps)
        return Reel(film, videos[video_id].duration, self._fps)


def _size(read: Reel | None) -> int:
    return len(read.film.times) if read else 0
