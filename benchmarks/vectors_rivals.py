"""What others search vectors with: hnswlib and usearch, measured beside ours where they are installed.

Each has the graph that its own documentation proposes and one knob, how many candidates a search keeps (`ef`), that
trades time for recall.
"""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.records import Embeddings
from indexer.vector_file import Ids

_BLOCK = 50_000  # vectors given at once


class Index(Protocol):
    """An index of inner products whose ids are the rows it was built from."""

    @property
    def name(self) -> str:
        """What the tables call it."""

    @property
    def adjustable(self) -> bool:
        """Whether `ef` has an effect."""

    def build(self, vectors: NDArray[np.float16], threads: int) -> None:
        """Index all vectors."""

    def save(self, path: Path) -> None:
        """Write it to a file."""

    def load(self, path: Path) -> None:
        """Read it from a file."""

    def search(self, queries: Embeddings, k: int, ef: int) -> Ids:
        """The rows (Q, k) of the nearest vectors, best first; in one thread."""


class Hnswlib:
    """hnswlib: float32 vectors, M = 16, ef_construction = 200."""

    name, adjustable = "hnswlib", True

    def __init__(self, dim: int) -> None:
        self._index: Any = import_module("hnswlib").Index("ip", dim)

    def build(self, vectors: NDArray[np.float16], threads: int) -> None:
        """Index all vectors."""
        self._index.init_index(len(vectors), M=16, ef_construction=200, random_seed=0)
        for at in range(0, len(vectors), _BLOCK):
            self._index.add_items(vectors[at : at + _BLOCK].astype(np.float32), num_threads=threads)

    def save(self, path: Path) -> None:
        """Write it to a file."""
        self._index.save_index(str(path))

    def load(self, path: Path) -> None:
        """Read it from a file."""
        self._index.load_index(str(path))

    def search(self, queries: Embeddings, k: int, ef: int) -> Ids:
        """The rows (Q, k) of the nearest vectors, best first; in one thread."""
        self._index.set_ef(max(ef, k))
        return np.asarray(self._index.knn_query(queries, k=k, num_threads=1)[0], np.int64)


class Usearch:
    """usearch: float16 vectors, connectivity 16, expansion_add = 128."""

    name, adjustable = "usearch", True

    def __init__(self, dim: int) -> None:
        self._index: Any = import_module("usearch.index").Index(ndim=dim, metric="ip", dtype="f16")

    def build(self, vectors: NDArray[np.float16], threads: int) -> None:
        """Index all vectors."""
        for at in range(0, len(vectors), _BLOCK):
            block = vectors[at : at + _BLOCK]
            self._index.add(np.arange(at, at + len(block)), block, threads=threads)

    def save(self, path: Path) -> None:
        """Write it to a file."""
        self._index.save(str(path))

    def load(self, path: Path) -> None:
        """Read it from a file."""
        self._index.load(str(path))

    def search(self, queries: Embeddings, k: int, ef: int) -> Ids:
        """The rows (Q, k) of the nearest vectors, best first; in one thread."""
        self._index.expansion_search = max(ef, k)
        return np.atleast_2d(self._index.search(queries, k, threads=1).keys).astype(np.int64)


def installed(dim: int) -> Iterator[Index]:
    """Those that this environment has."""
    if find_spec("hnswlib"):
        yield Hnswlib(dim)
    if find_spec("usearch"):
        yield Usearch(dim)
