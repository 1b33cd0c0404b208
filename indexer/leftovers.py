"""What lies in a library's folder besides the library in use: those of other encoders, whole or only begun."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from encoder.checkpoint import CheckpointError, load_encoder
from indexer.catalog import Catalog
from indexer.current import ENCODER, encoder_of, exists, home, places
from indexer.database import CatalogError
from indexer.errors import LibraryError, in_words
from indexer.opening import CATALOG, catalog_address

# The files of a library, the encoder first: without it, there is none.
_OWN = (ENCODER, CATALOG, f"{CATALOG}-wal", f"{CATALOG}-shm", "vectors.faiss", "vectors.faiss.part")


@dataclass(frozen=True)
class Leftover:
    """A library that is not in use."""

    place: Path
    encoder: str  # its name, as far as that can be told
    fingerprint: str
    videos: int | None  # None if its catalog is gone or damaged
    bytes: int


def leftovers(folder: Path) -> list[Leftover]:
    """The libraries in a folder that are not in use; giving their encoder again goes on with them.

    Raises:
        LibraryError: the folder holds no library, or can't be read.
    """
    if not exists(folder):
        raise LibraryError(f"{folder} holds no library; make one with: reelseek index FOLDER --library {folder}")
    with in_words(folder):
        return [_described(folder, place) for place in places(folder) if place != home(folder) and _held(folder, place)]


def delete_leftover(folder: Path, leftover: Leftover) -> None:
    """Delete a library that is not in use; if this is broken off, it can be deleted again, or gone on with.

    Raises:
        LibraryError: it is in use by now, it is open somewhere, such as in a server, or it can't be deleted.
    """
    place = leftover.place
    with in_words(place), _alone(place):
        if place == home(folder):
            raise LibraryError(f"encoder {leftover.encoder} is in use again, so its library was not deleted")
        for path in _files(place):
            path.unlink(missing_ok=True)
        if place != folder:
            shutil.rmtree(place)


def _held(folder: Path, place: Path) -> list[Path]:
    """All that would be deleted; the folder itself holds other things too."""
    return _files(place) if place == folder else [place, *place.rglob("*")]


def _files(place: Path) -> list[Path]:
    return [path for name in _OWN if (path := place / name).is_file()]


def _described(folder: Path, place: Path) -> Leftover:
    size = sum(path.stat().st_size for path in _held(folder, place) if path.is_file())
    fingerprint = name = encoder_of(place) or "unknown"
    with suppress(CheckpointError):
        fingerprint = name = load_encoder(place / ENCODER).fingerprint
    videos = None
    if (place / CATALOG).is_file():
        with suppress(CatalogError), closing(Catalog(catalog_address(place))) as catalog:
            meta = catalog.meta()
            fingerprint, name = meta["encoder"], meta["encoder_name"]
            videos = catalog.totals()[0]
    return Leftover(place, name, fingerprint, videos, size)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Make sure that nobody has a library open, and keep others from opening it."""
    refusal = f"library {place} is open somewhere, such as in a server; stop that, or start it anew, and try again"
    try:
        with FileLock(place / "index.lock").acquire(timeout=0), _exclusive(place / CATALOG):
            yield
    except (Timeout, _InUseError) as error:
        raise LibraryError(refusal) from error


class _InUseError(Exception):
    """Somebody is connected to a database."""


@contextmanager
def _exclusive(catalog: Path) -> Iterator[None]:
    """Keep others from a database; not by SQLAlchemy, whose pool would stay connected and wait."""
    if not catalog.is_file():
        yield
        return
    with closing(sqlite3.connect(catalog, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA journal_mode=DELETE")  # refused while anybody else is connected
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise _InUseError from error
            # else it is damaged, and nobody can use it
        yield
