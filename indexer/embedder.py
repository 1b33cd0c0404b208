"""Embedding the clips that people search with."""

from pathlib import Path

import numpy as np

from encoder.checkpoint import Checkpoint
from encoder.clips import Span
from encoder.decoding import DecodePool
from encoder.lending import Lending
from indexer.query import embed_query
from indexer.recent import RecentQueries, key_of
from indexer.search import Query


class Embedder:
    """Embeds clips, several at once if need be, and remembers the recent ones. Safe to use from threads."""

    def __init__(self, checkpoint: Checkpoint, at_once: int) -> None:
        """Start nothing yet.

        Args:
            checkpoint: the encoder.
            at_once: clips that may be decoded side by side; further ones wait.
        """
        self._checkpoint, self._recent = checkpoint, RecentQueries()
        self._decoders = Lending([DecodePool(1) for _ in range(at_once)])

    def close(self) -> None:
        """End the decoders."""
        self._decoders.close()

    def embed(self, clip: str | Path, span: Span | None = None) -> Query:
        """Embed a clip as it is and as what it may have been before it was edited.

        Raises:
            VideoError: the clip can't be read.
        """
        key = key_of(clip, span)
        query = self._recent.get(key)
        if query is None:
            with self._decoders.lent() as pool:
                query = embed_query(clip, span, self._checkpoint, pool)
            self._recent.put(key, query)
        return query

    def warm_up(self) -> None:
        """Load now what the first clip would wait for: the network and the decoder processes."""
        spec = self._checkpoint.spec
        self._checkpoint.embed(np.zeros((1, spec.frames, spec.size, spec.size, 3), np.uint8))
        self._decoders.start()
