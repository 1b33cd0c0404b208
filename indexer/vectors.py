"""The vector index: which clips are most similar to a query; a cache of the catalog's embeddings.

Up to EXACT_UP_TO clips a query is compared with every one. Above, most are in a graph that is searched approximately
(`structures.py`); clips that have come since it was built are compared one by one, until there are so many that it is
time to extend it. What is removed is hidden, until so much is that it is time to build anew.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer import structures, vector_file
from indexer.records import Embeddings
from indexer.structures import Rows, Similarities
from indexer.vector_file import CacheError, Header, Ids

EXACT_UP_TO = 50_000  # clips compared one by one; docs/scale.md has the measurement
_MOST_HIDDEN = 0.25  # of all rows, above which it is time to build anew
_FEWEST_HIDDEN = 1000  # and so few are never worth it
_BLOCK = 500  # rows added to a graph at once, between which building can be stopped


class VectorIndex:
    """Embeddings by clip id, searched by inner product; knows the catalog generation it stands for. Thread-safe."""

    def __init__(self, dim: int, generation: int = 0) -> None:
        self.dim, self.generation = dim, generation
        self._lock = RLock()
        self._graph: Any | None = None  # FAISS's, of the first rows; never changed once it is here
        self._newest: Any = structures.empty_list(dim)  # FAISS's, of the other rows
        self._set_ids(np.empty(0, np.int64))

    def __len__(self) -> int:
        return self._count

    # Changing

    def add(self, ids: Ids, embeddings: Embeddings) -> None:
        """Add vectors under ids that are not in the index yet."""
        if len(ids):
            with self._lock:
                structures.add(self._newest, embeddings)
                self._set_ids(np.concatenate([self._ids, ids]))

    def remove(self, ids: Ids) -> None:
        """Take vectors out; ids that are not there don't matter."""
        if len(ids):
            with self._lock:
                self._set_ids(np.where(np.isin(self._ids, ids), -1, self._ids))

    # Reading

    def ids(self) -> Ids:
        """The ids of all vectors, ascending."""
        return np.sort(self._ids[self._ids >= 0])

    def search(self, queries: Embeddings, k: int, among: Ids | None = None) -> tuple[Similarities, Ids]:
        """The k nearest of each query: similarities (Q, k), best first, and ids (Q, k), -1 where fewer exist.

        With `among`, of the vectors with these ids; up to EXACT_UP_TO of them are compared one by one.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        with self._lock:
            ids, shown, graphed, built = self._ids, self._shown, self._graphed, self._graph
            if among is not None:
                shown = np.isin(ids, among)
                rows = np.flatnonzero(shown)
                if built is not None and len(rows) <= EXACT_UP_TO:
                    return _nearest(queries, self._of_rows(rows), ids[rows], k)
            similarities, rows = structures.search_list(self._newest, queries, k, _part(shown, graphed, None))
        if built is not None:
            newest = similarities, np.where(rows < 0, -1, rows + graphed)
            similarities, rows = _best(
                [structures.search_graph(built, queries, k, _part(shown, 0, graphed)), newest], k
            )
        return similarities, np.where(rows < 0, -1, ids[rows]) if len(ids) else rows

    def vectors(self, ids: Ids) -> Embeddings:
        """The stored vectors of the given ids, which must be there; (N, D)."""
        with self._lock:
            shown = np.flatnonzero(self._ids >= 0)
            shown = shown[np.argsort(self._ids[shown], kind="stable")]
            return self._of_rows(shown[np.searchsorted(self._ids[shown], ids)])

    def sample(self, most: int) -> Embeddings:
        """At most so many vectors from all over the index, the same ones every time; (N, D)."""
        with self._lock:
            rows = np.linspace(0, len(self) - 1, min(most, len(self))).astype(np.int64)
            return self._of_rows(rows if self._shown is None else np.flatnonzero(self._shown)[rows])

    def describe(self) -> str:
        """How the index is searched, in words."""
        with self._lock:
            return _facts(self._header())

    # Restructuring

    @property
    def due(self) -> bool:
        """Whether the index has outgrown its structure, so that it is time for `restructured`."""
        with self._lock:
            outgrown = len(self._ids) - self._graphed > EXACT_UP_TO
            shrunk = self._graph is not None and 2 * len(self) < EXACT_UP_TO
            return outgrown or shrunk or self._crowded

    def restructured(self, stopped: Callable[[], bool] = lambda: False) -> "VectorIndex | None":
        """An index of the same vectors in the structure that suits them, None if stopped; this one goes on meanwhile.

        It takes about half a millisecond of one processor for each vector that is new in the graph.
        """
        made = VectorIndex(self.dim, self.generation)
        with self._lock:
            ids, old = self._ids, None if self._crowded else self._graph
        if (ids >= 0).sum() <= EXACT_UP_TO:
            made.follow(self)
            return made
        if old is None:
            return self.as_graph(stopped)
        made._graph = structures.copied_graph(old)
        made._set_ids(ids)
        return made._extended(self._blocks(np.arange(old.ntotal, len(ids))), stopped)

    def as_graph(self, stopped: Callable[[], bool] = lambda: False) -> "VectorIndex | None":
        """An index of the same vectors, all in a new graph, however few they are; None if stopped."""
        made = VectorIndex(self.dim, self.generation)
        with self._lock:
            ids = self._ids
        rows = np.flatnonzero(ids >= 0)
        made._graph = structures.empty_graph(self.dim)
        made._set_ids(ids[rows])
        return made._extended(self._blocks(rows), stopped)

    def follow(self, other: "VectorIndex") -> None:
        """Take over what another index has come to hold, and let go of what it does not."""
        have, want = self.ids(), other.ids()
        self.remove(np.setdiff1d(have, want, assume_unique=True))
        new = np.setdiff1d(want, have, assume_unique=True)
        self.add(new, other.vectors(new))
        self.generation = other.generation

    # The file

    def save(self, path: Path) -> int:
        """Write the index to a file, whole or not at all, and return its generation; searches and changes go on.

        Raises:
            OSError: the file can't be written; what was there before is untouched.
        """
        with self._lock:
            header, ids, old = self._header(), self._ids, self._graph
            newest = structures.numbers(self._newest)
        vector_file.write(path, header, ids, old, newest)
        return header.generation

    @classmethod
    def load(cls, path: Path, dim: int) -> "VectorIndex":
        """Map an index file into memory.

        Raises:
            CacheError: it is missing, damaged (the vectors aside), of another format or of other vectors.
        """
        stored = vector_file.read(path)
        if stored.header.dim != dim:
            raise CacheError(f"it holds vectors of {stored.header.dim} numbers, not {dim}")
        index = cls(dim, stored.header.generation)
        index._graph = stored.graph
        index._newest = structures.list_of(dim, stored.newest)
        index._set_ids(stored.ids)
        return index

    def _extended(self, blocks: Iterator[Embeddings], stopped: Callable[[], bool]) -> "VectorIndex | None":
        for block in blocks:
            if stopped():
                return None
            structures.add(self._graph, block)
        return self

    # Below: under the lock

    def _set_ids(self, ids: Ids) -> None:
        """Set the ids by row, -1 where hidden; no array is changed in place, since a search may be using it."""
        shown = ids >= 0
        self._ids, self._count = ids, int(shown.sum())
        self._shown = None if self._count == len(ids) else shown

    @property
    def _graphed(self) -> int:
        return 0 if self._graph is None else int(self._graph.ntotal)

    @property
    def _crowded(self) -> bool:
        return len(self._ids) - len(self) > max(_FEWEST_HIDDEN, _MOST_HIDDEN * len(self._ids))

    def _header(self) -> Header:
        rows = len(self._ids)
        return Header(self.generation, self.dim, rows, self._graphed, rows - len(self), size=0)

    def _blocks(self, rows: Rows) -> Iterator[Embeddings]:
        for at in range(0, len(rows), _BLOCK):
            with self._lock:
                block = self._of_rows(rows[at : at + _BLOCK])
            yield block

    def _of_rows(self, rows: Rows) -> Embeddings:
        found = np.empty((len(rows), self.dim), np.float32)
        new = rows >= self._graphed
        if self._graph is not None:
            found[~new] = structures.vectors(self._graph, rows[~new])
        found[new] = structures.vectors(self._newest, rows[new] - self._graphed)
        return found


def cached_generation(path: Path) -> int | None:
    """The catalog generation of an index file; None if there is no such file. Fast, and unchecked like the next."""
    header = vector_file.read_header(path)
    return None if header is None else header.generation


def cached_facts(path: Path) -> str | None:
    """How an index file is searched, in words; None if there is no such file."""
    header = vector_file.read_header(path)
    return None if header is None else _facts(header)


def _facts(header: Header) -> str:
    clips, newest = header.rows - header.hidden, header.rows - header.graphed
    size = f"{(header.rows * (2 * header.dim + 8) + header.graphed * structures.LINK_BYTES) / 1e6:,.1f} MB"
    if not header.graphed:
        return f"exact search over {clips:,} clips ({size}); approximate above {EXACT_UP_TO:,}"
    return f"approximate search over {clips:,} clips ({size}), the {newest:,} newest of them exactly"


def _part(shown: NDArray[np.bool_] | None, start: int, end: int | None) -> NDArray[np.bool_] | None:
    return None if shown is None else shown[start:end]


def _nearest(queries: Embeddings, vectors: Embeddings, ids: Ids, k: int) -> tuple[Similarities, Ids]:
    """The k nearest of few vectors, as `VectorIndex.search` gives them."""
    similarities = queries @ vectors.T
    order = np.argsort(-similarities, 1, kind="stable")[:, :k]
    missing = (0, 0), (0, k - order.shape[1])
    nearest = np.take_along_axis(similarities, order, 1)
    return np.pad(nearest, missing, constant_values=-np.inf), np.pad(ids[order], missing, constant_values=-1)


def _best(found: list[tuple[Similarities, Rows]], k: int) -> tuple[Similarities, Rows]:
    """The k best of what several searches found."""
    similarities, rows = (np.concatenate(each, 1) for each in zip(*found, strict=True))
    order = np.argsort(-similarities, 1, kind="stable")[:, :k]
    return np.take_along_axis(similarities, order, 1), np.take_along_axis(rows, order, 1)
