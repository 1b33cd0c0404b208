"""The latest queries, kept embedded: another page or filter of the same clip needs no second look at it."""

from collections import OrderedDict
from pathlib import Path
from threading import Lock

from encoder.clips import Span
from indexer.search import Query
from indexer.update import content_of

_MOST_BYTES = 192 << 20
_LARGEST_FILE = 256 << 20  # bytes; hashing more takes too long for what it may save
_SCALED = 2  # bytes of a film with its smaller copies, for each byte of its pictures

Key = tuple[str, Span | None]


class RecentQueries:
    """Queries by the content of their file and the part of it; those not asked for longest make room."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes, self._bytes, self._lock = most_bytes, 0, Lock()
        self._kept: OrderedDict[Key, tuple[Query, int]] = OrderedDict()

    def get(self, key: Key | None) -> Query | None:
        """The query, if it is one of the latest."""
        with self._lock:
            if key is None or key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Key | None, query: Query) -> None:
        """Keep a query."""
        size = size_of(query)
        if key is None or size > self._most_bytes:
            return
        with self._lock:
            self._bytes += size - self._kept.pop(key, (query, 0))[1]
            self._kept[key] = query, size
            while self._bytes > self._most_bytes:
                self._bytes -= self._kept.popitem(last=False)[1][1]


def key_of(clip: str | Path, span: Span | None) -> Key | None:
    """What a part of a file is known by; None of a file that is too large for it or can't be read."""
    try:
        return (content_of(str(clip)), span) if Path(clip).stat().st_size <= _LARGEST_FILE else None
    except OSError:
        return None  # whoever reads it will say why not


def size_of(query: Query) -> int:
    """Bytes that a query takes."""
    strips = {id(reading.strip): reading.strip for reading in query.readings if reading.strip is not None}
    pictures = sum(strip.film.pictures.nbytes for strip in strips.values())
    return _SCALED * pictures + 2 * sum(reading.embeddings.nbytes for reading in query.readings)
