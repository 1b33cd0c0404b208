"""Give a library another encoder: index its videos anew beside it, and only then let the new library take over.

The old one is searched meanwhile, and stays on the disk afterwards. A run that was stopped or killed is gone on with by
the next; whatever happens, `current` names a whole library.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from encoder.checkpoint import Checkpoint, CheckpointError, load_encoder
from indexer.current import ENCODER, beside, take_into_use
from indexer.errors import LibraryError
from indexer.library import Library
from indexer.update import Progress, UpdateReport

_OWN = {"format", "encoder", "encoder_name", "generation", "successor"}  # facts that the new library has of its own


@dataclass(frozen=True)
class Adopted:
    """A library that has taken over."""

    library: Library  # open
    report: UpdateReport  # of indexing anew
    missing: int  # files of the old library that could not be found, and are not in the new one


def adopt(
    old: Library,
    folder: Path,
    checkpoint: Checkpoint,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    stall_s: float = 60.0,
) -> Adopted:
    """Index the files of a library anew with another encoder, and take the result into use.

    Videos keep their ids. The old library stays open, and may be searched until it is closed.

    Args:
        old: the library in use; no longer so at the end.
        folder: that it was opened from.
        checkpoint: the new encoder; if an earlier library with it lies here, that is brought up to date.
        workers: files decoded at once; None for one a processor.
        progress: called after every step.
        stall_s: seconds without a new clip after which a file is given up.

    Raises:
        LibraryError: it has this encoder already, its catalog is not a file of its own, none of its files is there, or
            another process is changing it.
    """
    if old.catalog.engine.dialect.name != "sqlite":
        raise LibraryError("this library's catalog is a database by URL; index into a new library instead")
    if checkpoint.fingerprint == old.checkpoint.fingerprint:
        raise LibraryError(f"the library already uses encoder {checkpoint.name} ({checkpoint.fingerprint})")
    place = _place(folder, checkpoint.fingerprint)
    new = _opened(place, checkpoint)
    try:
        here, _ = _files(old)
        report = new.add(here, workers, progress, stall_s)
        with old.changing():  # what it got meanwhile is taken in, then it gets no more
            here, missing = _files(old)
            new.add(here, workers, progress, stall_s)
            _forget_others(new, here)
            _take_over(old, new, folder)
        old.catalog.set_meta(successor=checkpoint.fingerprint)
    except BaseException:
        new.close()
        raise
    return Adopted(new, report, missing)


def _place(folder: Path, fingerprint: str) -> Path:
    """Where the library of an encoder lies, or would: the first of all lies in the folder itself."""
    try:
        first = load_encoder(folder / ENCODER).fingerprint
    except CheckpointError:
        first = None
    return folder if first == fingerprint else beside(folder, fingerprint)


def _opened(place: Path, checkpoint: Checkpoint) -> Library:
    """The library that was there before, or a new one; a catalog without an encoder is gone on with too."""
    there = (place / ENCODER).is_file()
    library = Library.open_place(place) if there else Library.create(place, checkpoint)
    library.catalog.set_meta(successor="")
    return library


def _files(library: Library) -> tuple[list[str], int]:
    """The files of a library that are there, and how many are not."""
    files = library.catalog.files()
    here = [path for path in files if os.path.lexists(path)]
    if files and not here:
        raise LibraryError("none of the library's files is there now, so it was left as it is; is a disk not mounted?")
    return here, len(files) - len(here)


def _forget_others(new: Library, here: list[str]) -> None:
    """An earlier library may know files that the one in use does not."""
    if others := new.catalog.files().keys() - set(here):
        new.catalog.remove_files(others)


def _take_over(old: Library, new: Library, folder: Path) -> None:
    with new.changing():
        new.catalog.number_videos({video.content: video.id for video in old.catalog.videos().values()})
        facts = {key: value for key, value in old.catalog.meta().items() if key not in _OWN}
        new.catalog.set_meta(**facts)
    new.index.refresh()
    take_into_use(folder, new.folder)
