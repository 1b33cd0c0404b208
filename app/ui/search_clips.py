"""The clips that visitors search with: each is reached by a secret name that only its visitor's page is told."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from app.media import Decoders
from app.text import file_name
from indexer.library import Library

_KEPT = 2000


@dataclass(frozen=True)
class SearchClip:
    """A video to search with, uploaded, on the server or in the library."""

    token: str  # its name in addresses
    path: str
    name: str  # for people
    duration: float  # seconds
    width: int  # pixels as shown
    height: int  # pixels as shown
    fps: float
    content: str  # names its pictures and copies in caches
    video_id: int | None = None  # where it is one of the library


class SearchClips:
    """Those of all visitors, the latest ones kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, SearchClip] = OrderedDict()
        self._lock = Lock()

    def of_file(self, path: str, decoders: Decoders) -> SearchClip:
        """Take a file that its visitor has uploaded or may read.

        Raises:
            VideoError: it is no video.
        """
        info, token = decoders.info(path), secrets.token_urlsafe(16)
        name, content = file_name(path), f"clip-{token}"
        return self._keep(SearchClip(token, path, name, info.duration, info.width, info.height, info.fps, content))

    def of_library(self, library: Library, video_id: int) -> SearchClip | None:
        """Take a video of the library; None if there is no such video."""
        video = library.catalog.videos([video_id]).get(video_id)
        paths = library.catalog.paths([video_id]).get(video_id)
        if video is None or not paths:
            return None
        clip = SearchClip(
            secrets.token_urlsafe(16), paths[0], file_name(paths[0]), video.duration, video.width, video.height,
            video.fps, video.content, video_id,
        )  # fmt: skip
        return self._keep(clip)

    def get(self, token: str) -> SearchClip | None:
        """The one of that name."""
        with self._lock:
            return self._kept.get(token)

    def _keep(self, clip: SearchClip) -> SearchClip:
        with self._lock:
            self._kept[clip.token] = clip
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return clip
