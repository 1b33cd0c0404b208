"""Which video an address means: one of the library by its id, or a visitor's clip by its secret name."""

import os
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.text import file_name
from app.ui.search_clips import SearchClips
from app.ui.site import Site
from encoder.errors import VideoError, WorldError
from indexer.library import Library

_GONE = "The clip is no longer here; choose it again."


class Refusal(WorldError):
    """What can't be served, why, and with which HTTP status."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Found:
    """A file to serve from."""

    path: str
    content: str  # names what is made of it in caches
    duration: float  # seconds
    width: int  # pixels as shown
    height: int  # pixels as shown
    fps: float


def find(site: Site, request: Request) -> Found:
    """The video whose id or secret name stands in the address.

    Raises:
        Refusal: there is none, or its file is gone.
    """
    if "token" in request.path_params:
        return _clip(site.clips, request.path_params["token"])
    return video_of(site.library, min(request.path_params["video_id"], 2**62))  # what a database can be asked for


def _clip(clips: SearchClips, token: str) -> Found:
    clip = clips.get(token)
    if clip is None:
        raise Refusal(404, _GONE)
    if not os.path.isfile(clip.path):  # noqa: PTH113 - strings keep odd names
        raise Refusal(410, _GONE)
    return Found(clip.path, clip.content, clip.duration, clip.width, clip.height, clip.fps)


def video_of(library: Library, video_id: int) -> Found:
    """A video of the library.

    Raises:
        Refusal: there is none of that id, or its file is gone.
    """
    catalog = library.catalog
    video, paths = catalog.videos([video_id]).get(video_id), catalog.paths([video_id]).get(video_id, [])
    if video is None or not paths:
        raise Refusal(404, "There is no such video in the library.")
    here = [path for path in paths if os.path.isfile(path)]  # noqa: PTH113
    if not here:
        raise Refusal(410, f"{file_name(paths[0])} is no longer where it was; index its folder again.")
    return Found(here[0], video.content, video.duration, video.width, video.height, video.fps)


def refused(error: Exception) -> Response:
    """One sentence, without a path of the server."""
    if isinstance(error, Refusal):
        return PlainTextResponse(str(error), error.status)
    if isinstance(error, VideoError):
        return PlainTextResponse(f"{file_name(error.path)}: {error.reason}", 415)
    return PlainTextResponse("The server could not read the file or write its copy; is its disk full?", 503)
