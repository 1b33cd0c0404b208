"""What goes into a catalog and comes out of it."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from encoder.clips import Span
from encoder.video import VideoInfo

Embeddings = NDArray[np.float32]  # (N, D) unit vectors


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells an unchanged file from a changed one."""

    path: str  # absolute
    size: int  # bytes
    modified: int  # nanoseconds since 1970


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as the catalog has it."""

    state: FileState
    content: str | None
    video_id: int | None
    reason: str | None


@dataclass(frozen=True)
class EncodedVideo:
    """Everything that one transaction commits of a new video."""

    info: VideoInfo
    duration: float  # seconds, as decoded
    damaged: int
    spans: list[Span]
    embeddings: Embeddings  # (N, D)
    sketches: list[bytes] = field(default_factory=list)  # N, or none
