"""What a search reads of a library: its clips, and which of them are nearest; of all their embeddings or of a part."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from encoder.clips import Span
from indexer.ranges import Ids
from indexer.records import Embeddings
from indexer.structures import Similarities


class Clips(Protocol):
    """What a search reads of a catalog."""

    def videos_of_clips(self, clip_ids: Iterable[int]) -> Mapping[int, int]:
        """The video id of each clip id that is there."""

    def clips_of_videos(self, video_ids: Iterable[int]) -> Iterator[tuple[int, tuple[list[Span], Embeddings]]]:
        """Yield (id, spans and embeddings in order of time) of each of the videos that has clips."""

    def sketches(self, video_id: int, span: Span) -> list[tuple[float, bytes]]:
        """The small pictures that start within a span of a video, with their starts."""


class Lookup(Protocol):
    """What a search reads of a vector index."""

    def __len__(self) -> int: ...

    def search(self, queries: Embeddings, k: int, among: Ids | None = None) -> tuple[Similarities, Ids]:
        """The k nearest of each query: similarities (Q, k), best first, and clip ids (Q, k), -1 where fewer exist."""

    def sample(self, most: int) -> Embeddings:
        """At most so many vectors from all over."""
