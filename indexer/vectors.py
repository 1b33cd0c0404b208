"""The vector index: FAISS over the catalog's embeddings, kept in one file as a cache.

Exact inner product. The file is a line of JSON (format, generation, checksum) and FAISS's own bytes; it is replaced
whole.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
import xxhash
from numpy.typing import NDArray

from indexer.catalog import Embeddings

_FORMAT = 1
_LONGEST_HEADER = 1000  # bytes
Ids = NDArray[np.int64]


class CacheError(Exception):
    """A cache file that can't be used, and why; the catalog has everything to build it anew."""


class VectorIndex:
    """Embeddings by clip id, searched by inner product; knows the catalog generation it stands for."""

    def __init__(self, dim: int, generation: int = 0) -> None:
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
        self.generation = generation

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def ids(self) -> Ids:
        """The ids of all vectors, ascending."""
        return np.sort(faiss.vector_to_array(self._index.id_map))

    def add(self, ids: Ids, embeddings: Embeddings) -> None:
        """Add vectors under ids that are not in the index yet."""
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(embeddings, np.float32), ids)

    def remove(self, ids: Ids) -> None:
        """Take vectors out; ids that are not there don't matter."""
        if len(ids):
            self._index.remove_ids(ids)

    def search(self, queries: Embeddings, k: int) -> tuple[NDArray[np.float32], Ids]:
        """The k nearest of each query: similarities (Q, k), best first, and ids (Q, k), -1 where fewer exist."""
        similarities, ids = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        return similarities, ids

    def vectors(self, ids: Ids) -> Embeddings:
        """The stored vectors of the given ids, which must be there; (N, D)."""
        return (
            np.stack([self._index.reconstruct(int(i)) for i in ids])
            if len(ids)
            else np.empty((0, self._index.d), np.float32)
        )

    def sample(self, most: int) -> Embeddings:
        """At most so many vectors from all over the index, the same ones every time; (N, D)."""
        vectors = faiss.downcast_index(self._index.index)
        rows = np.linspace(0, len(self) - 1, min(most, len(self))).astype(np.int64)
        sampled: Embeddings = vectors.reconstruct_batch(rows)
        return sampled

    def save(self, path: Path) -> None:
        """Write the index to a file, whole or not at all.

        Raises:
            OSError: the file can't be written; what was there before is untouched.
        """
        payload = faiss.serialize_index(self._index).tobytes()
        header = {
            "format": _FORMAT,
            "generation": self.generation,
            "checksum": _checksum(self.generation, payload),
        }
        partial = path.with_name(path.name + ".part")
        try:
            with partial.open("wb") as file:
                file.write(json.dumps(header).encode() + b"\n" + payload)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path, dim: int) -> "VectorIndex":
        """Read an index file.

        Raises:
            CacheError: it is missing, damaged, of another format or of other vectors.
        """
        try:
            with path.open("rb") as file:
                header, payload = _header(file), file.read()
        except FileNotFoundError as error:
            raise CacheError("it is missing") from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CacheError("its header can't be read") from error
        if header.checksum != _checksum(header.generation, payload):
            raise CacheError("its checksum is wrong")
        index = cls(dim, header.generation)
        index._index = faiss.deserialize_index(np.frombuffer(payload, np.uint8))
        if index._index.d != dim:
            raise CacheError(f"it holds vectors of {index._index.d} numbers, not {dim}")
        return index


@dataclass(frozen=True)
class _Header:
    generation: int
    checksum: str  # of the generation and all that follows the header


def cached_generation(path: Path) -> int | None:
    """The catalog generation of an index file, read from its first line alone; None if there is no such file."""
    try:
        with path.open("rb") as file:
            return _header(file).generation
    except (OSError, ValueError, KeyError, TypeError, CacheError):
        return None


def _header(file: BinaryIO) -> _Header:
    fields = json.loads(file.readline(_LONGEST_HEADER))
    if fields["format"] != _FORMAT:
        raise CacheError(f"it has format {fields['format']}, not {_FORMAT}")
    return _Header(int(fields["generation"]), str(fields["checksum"]))


def _checksum(generation: int, payload: bytes) -> str:
    return xxhash.xxh3_128_hexdigest(payload, seed=generation)
