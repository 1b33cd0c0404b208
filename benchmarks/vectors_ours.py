"""The program's own vector index, with the face that the search benchmark gives to all of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.records import Embeddings
from indexer.structures import faiss
from indexer.vector_file import Ids
from indexer.vectors import VectorIndex

_BLOCK = 50_000  # vectors given at once


class Exact:
    """A list that each query is compared with from end to end."""

    name, adjustable = "exact", False

    def __init__(self, dim: int) -> None:
        self._index = VectorIndex(dim)

    def build(self, vectors: NDArray[np.float16], threads: int) -> None:
        """Index all vectors."""
        for at in range(0, len(vectors), _BLOCK):
            block = vectors[at : at + _BLOCK]
            self._index.add(np.arange(at, at + len(block)), block.astype(np.float32))

    def save(self, path: Path) -> None:
        """Write it to a file."""
        self._index.save(path)

    def load(self, path: Path) -> None:
        """Read it from a file."""
        self._index = VectorIndex.load(path, self._index.dim)

    def search(self, queries: Embeddings, k: int, ef: int) -> Ids:
        """The rows (Q, k) of the nearest vectors, best first; in one thread."""
        faiss.omp_set_num_threads(1)
        return self._index.search(queries, k)[1]


class Ours(Exact):
    """What the program has at this size; its graph is built by one thread."""

    name = "ours"

    def build(self, vectors: NDArray[np.float16], threads: int) -> None:
        """Index all vectors."""
        super().build(vectors, threads)
        if self._index.due:
            self._index = self._index.restructured() or self._index
