"""The file of a vector index: a line of JSON, the clip ids, the graph, and at the end all vectors as float16.

It is replaced whole and read by mapping it into memory. What could lead a search astray, the ids and the graph, is
compared with its checksum whenever the file is opened; the vectors, most of the file, when it is verified.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xxhash
from numpy.typing import NDArray

from encoder.whole import appearing_whole
from indexer import structures
from indexer.structures import Bytes

_FORMAT = 2
_LONGEST_HEADER = 1000  # bytes
_PIECE = 2**24  # bytes read at once
_UNKNOWN = "0" * 32  # a checksum not made yet
Ids = NDArray[np.int64]


class CacheError(Exception):
    """A cache file that can't be used, and why; the catalog has everything to build it anew."""


@dataclass(frozen=True)
class Header:
    """What the file is, readable without the rest of it."""

    generation: int  # of the catalog
    dim: int
    rows: int  # vectors, those hidden since they were removed included
    graphed: int  # of them, the first so many are in the graph
    hidden: int
    size: int  # bytes of the whole file behind this line
    structure: str = _UNKNOWN  # checksum of this line but for itself, the ids and the graph
    vectors: str = _UNKNOWN  # checksum of the rest
    format: int = _FORMAT

    def __post_init__(self) -> None:
        numbers = (self.generation, self.dim, self.rows, self.graphed, self.hidden, self.size)
        if not all(isinstance(number, int) for number in numbers) or min(numbers[1:]) < 0 or self.graphed > self.rows:
            raise ValueError(f"a header needs whole numbers, as many rows as are in the graph; got {self}")

    @property
    def vector_bytes(self) -> int:
        """How much of the end of the file is vectors."""
        return self.rows * self.dim * 2


@dataclass(frozen=True)
class Stored:
    """The parts of a file, as long as it is mapped into memory."""

    header: Header
    ids: Ids  # -1 for what is hidden
    graph: Any | None  # FAISS's, whose vectors stay in the file
    newest: Bytes  # of the vectors that are not in the graph


def write(path: Path, header: Header, ids: Ids, graph: Any | None, newest: Bytes) -> None:
    """Write a file, whole or not at all; size and checksums of the header are filled in.

    Raises:
        OSError: it can't be written; what was there before is untouched.
    """
    with appearing_whole(path) as draft, draft.open("w+b") as file:
        # A number takes its place in a line whose length must not change any more.
        file.write(_line(replace(header, size=0)).ljust(_LONGEST_HEADER - 1) + b"\n")
        file.write(ids.astype("<i8").tobytes())
        if graph is not None:
            structures.write_graph(graph, file)
        file.write(newest.tobytes())
        file.flush()
        sized = replace(header, size=file.tell() - _LONGEST_HEADER)
        body = np.memmap(file, np.uint8, "r", _LONGEST_HEADER) if sized.size else np.empty(0, np.uint8)
        summed = replace(sized, vectors=_vectors(sized, body))
        summed = replace(summed, structure=_structure(summed, body))
        file.seek(0)
        file.write(_line(summed).ljust(_LONGEST_HEADER - 1))


def read(path: Path) -> Stored:
    """Map a file into memory.

    Raises:
        CacheError: it is missing, of another format or damaged, the vectors aside.
    """
    header, body = _open(path)
    if header.structure != _structure(header, body):
        raise CacheError("its checksum is wrong")
    ids = body[: header.rows * 8].view("<i8").astype(np.int64)
    end = header.size - (header.rows - header.graphed) * header.dim * 2
    graph = structures.mapped_graph(body[header.rows * 8 : end]) if header.graphed else None
    return Stored(header, ids, graph, body[end:])


def check(path: Path) -> None:
    """Compare all of a file with its checksums.

    Raises:
        CacheError: it is missing, of another format or damaged.
    """
    header, body = _open(path)
    if header.structure != _structure(header, body) or header.vectors != _vectors(header, body):
        raise CacheError("its checksum is wrong")


def read_header(path: Path) -> Header | None:
    """What a file says of itself, None if there is no such file; fast, and not checked against the rest of it."""
    try:
        return _open(path)[0]
    except CacheError:
        return None


def _open(path: Path) -> tuple[Header, Bytes]:
    try:
        with path.open("rb") as file:
            header = _header(file)
            if os.fstat(file.fileno()).st_size != header.size + _LONGEST_HEADER:
                raise CacheError("its checksum is wrong")
            body = np.memmap(file, np.uint8, "r", _LONGEST_HEADER) if header.size else np.empty(0, np.uint8)
            return header, body
    except FileNotFoundError as error:
        raise CacheError("it is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CacheError("its header can't be read") from error


def _header(file: BinaryIO) -> Header:
    fields = json.loads(file.read(_LONGEST_HEADER).partition(b"\n")[0])
    if fields["format"] != _FORMAT:
        raise CacheError(f"it has format {fields['format']}, not {_FORMAT}")
    return Header(**fields)


def _line(header: Header) -> bytes:
    return json.dumps(asdict(header)).encode()


def _structure(header: Header, body: Bytes) -> str:
    line = _line(replace(header, structure=_UNKNOWN))
    return _checksum(line, body[: header.size - header.vector_bytes])


def _vectors(header: Header, body: Bytes) -> str:
    return _checksum(b"", body[header.size - header.vector_bytes :])


def _checksum(line: bytes, content: Bytes) -> str:
    state = xxhash.xxh3_128(line)
    for at in range(0, len(content), _PIECE):
        state.update(content[at : at + _PIECE].data)
    return state.hexdigest()
