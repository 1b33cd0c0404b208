"""All that comparing a video with others needs, of a library's own or of any file."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encoder.clips import Span
from encoder.decoding import DecodePool, Failed, Job
from encoder.errors import VideoError
from indexer.discover import resolve, state_of
from indexer.film import Film, Seconds
from indexer.library import Library
from indexer.pipeline import Encoded, encode_videos
from indexer.records import Embeddings
from indexer.reel import Reel
from indexer.requests import VideoRef
from indexer.stored import NoVideoError


@dataclass(frozen=True)
class Material:
    """A video's pictures and embedded clips."""

    name: str  # path, for people
    video_id: int | None  # of one that is in the library
    reel: Reel
    starts: Seconds  # (N,) of the clips
    embeddings: Embeddings  # (N, D)


def material(library: Library, what: str | Path | VideoRef) -> Material:
    """The material of a video: from the catalog where the library has it as it is now, else read and embedded.

    Raises:
        VideoError: the file can't be read.
        NoVideoError: the library has no such video.
    """
    if isinstance(what, VideoRef):
        found = stored_material(library, what.video_id)
        if found is None:
            raise NoVideoError(f"library:{what.video_id} is no video of the library, or it keeps no pictures of it")
        return found
    (path,) = resolve([what])
    known = library.catalog.files([path]).get(path)
    if known and known.video_id is not None and known.state == state_of(path):
        return stored_material(library, known.video_id, path) or _read(library, path)
    return _read(library, path)


def stored_material(library: Library, video_id: int, path: str | None = None) -> Material | None:
    """The material of a video of the library, called by its first path if by no other; None if it has no pictures."""
    catalog, fps = library.catalog, library.checkpoint.spec.fps
    paths = catalog.paths([video_id])
    packed = catalog.sketches(video_id, Span(0.0, math.inf))
    spans, embeddings = catalog.clips_of(video_id)
    if not packed or not spans or not paths:
        return None
    reel = Reel(Film.from_sketches(packed, fps), spans[-1].end, fps)
    return Material(path or paths[video_id][0], video_id, reel, np.array([span.start for span in spans]), embeddings)


def _read(library: Library, path: str) -> Material:
    checkpoint = library.checkpoint
    with DecodePool(1) as pool:
        last = list(encode_videos([Job(path, checkpoint.spec)], checkpoint, pool))[-1]
    if isinstance(last, Failed):
        raise VideoError(path, last.reason)
    assert isinstance(last, Encoded)
    video = last.video
    starts = np.array([span.start for span in video.spans])
    film = Film.from_sketches(zip(starts.tolist(), video.sketches, strict=True), checkpoint.spec.fps)
    return Material(path, None, Reel(film, video.duration, checkpoint.spec.fps), starts, video.embeddings)
