"""What visitors can start in a library, all of it in the background, and what is said of it afterwards."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.encoders import KnownEncoder
from app.progress import clock
from app.shared_footage import duplicates
from app.text import file_name, shown, size
from app.ui import fragments
from app.ui.folders import FolderError
from app.ui.job import Job, JobState
from app.ui.site import Site
from indexer.adoption import adopt
from indexer.current import ENCODER
from indexer.errors import LibraryError
from indexer.leftovers import Leftover, delete_leftover, leftovers
from indexer.update import Progress, UpdateReport


@dataclass(frozen=True)
class AdoptionReport:
    """What came of giving a library another encoder."""

    encoder: str
    update: UpdateReport
    missing: int  # files that were not there, and are no longer in the library


@dataclass(frozen=True)
class Deletion:
    """What came of deleting a library that was not in use."""

    deleted: Leftover


@dataclass(frozen=True)
class SharedFootage:
    """Groups of files that share footage and are not the same, as `reelseek duplicates --json` gives them."""

    groups: list[dict[str, Any]]


def start_indexing(site: Site, text: str | None) -> str:
    """Index a folder in the background; the id of the job.

    Raises:
        FolderError: it is none that visitors may use.
        JobError: another piece of work goes on in the library.
    """
    path = site.folders.resolve(text or "")
    return _start_update(site, f"Indexing {file_name(path)}", [path])


def start_rescan(site: Site) -> str:
    """Take in what is new, changed, moved or gone in all folders that visitors may use; the id of the job.

    Raises:
        FolderError: there is no such folder.
        JobError: another piece of work goes on in the library.
    """
    here = [path for path in site.library.folders() if site.folders.holds(path) and os.path.isdir(path)]  # noqa: PTH112
    if not here:
        raise FolderError("No folder of the library can be looked through from here; add one first.")
    return _start_update(site, "Looking through all folders", here)


def start_retry(site: Site) -> str:
    """Try the files again that could not be indexed; the id of the job.

    Raises:
        JobError: another piece of work goes on in the library.
    """

    def work(job: Job) -> UpdateReport:
        job.tell(0.0, "Looking at the files")
        settings, library = site.settings, site.library
        with library.changing():
            failed = library.forget_failures(site.folders.roots)
            return library.add(failed, settings.workers, teller(job), settings.stall_s)

    return site.indexing.start("Trying the unreadable files again", work)


def start_forgetting(site: Site, path: str) -> str:
    """Take a folder out of the library; the id of the job.

    Raises:
        FolderError: visitors may not use it.
        JobError: another piece of work goes on in the library.
    """
    if not site.folders.holds(path):
        raise FolderError(f"{shown(path)} is outside the folders this server allows; use: reelseek remove")

    def work(job: Job) -> int:
        job.tell(0.0, "Forgetting its files")
        return site.library.remove([path])

    return site.indexing.start(f"Removing {file_name(path)}", work)


def start_comparing(site: Site) -> str:
    """Look for footage that files of the library share; the id of the job.

    Raises:
        JobError: another piece of work goes on in the library.
    """

    def work(job: Job) -> SharedFootage:
        job.tell(0.0, "Comparing")
        tell = partial(_tell_clips, job)
        return SharedFootage([group for group in duplicates(site.library, tell) if group["kind"] != "identical"])

    return site.indexing.start("Looking for shared footage", work)


def start_adoption(site: Site, encoder: KnownEncoder) -> str:
    """Index the library anew with another encoder, which takes over at the end; the id of the job.

    Raises:
        CheckpointError: the encoder can't be read.
        JobError: another piece of work goes on in the library.
    """
    checkpoint = encoder.load()

    def work(job: Job) -> AdoptionReport:
        job.tell(0.0, "Looking for the videos")
        settings = site.settings
        done = adopt(
            site.library, settings.library, checkpoint, settings.workers, teller(job), settings.stall_s
        )  # fmt: skip
        site.adopt(done.library)
        return AdoptionReport(checkpoint.name, done.report, done.missing)

    return site.indexing.start(f"Indexing all videos anew with encoder {checkpoint.name}", work)


def start_using_again(site: Site, fingerprint: str) -> str:
    """Let the library go back to an encoder that it used before, as in `start_adoption`."""
    one = _left_over(site, fingerprint)
    return start_adoption(site, KnownEncoder(one.encoder, one.place / ENCODER, one.fingerprint))


def start_deleting(site: Site, fingerprint: str) -> str:
    """Delete a library that is not in use, by its encoder; the id of the job.

    Raises:
        LibraryError: there is no such library.
        JobError: another piece of work goes on in the library.
    """
    one = _left_over(site, fingerprint)

    def work(job: Job) -> Deletion:
        job.tell(0.0, "Deleting its files")
        site.release(one.place)
        delete_leftover(site.settings.library, one)
        return Deletion(one)

    return site.indexing.start(f"Deleting the library of encoder {one.encoder}", work)


def _left_over(site: Site, fingerprint: str) -> Leftover:
    for one in leftovers(site.settings.library):
        if one.fingerprint == fingerprint:
            return one
    raise LibraryError("That library is no longer there.")


def _tell_clips(job: Job, done: int, total: int) -> None:
    job.tell(done / max(1, total), f"{done:,} of {total:,} clips")


def outcome(state: JobState) -> str:
    """What the last piece of work did, in a sentence."""
    result = state.result
    if isinstance(result, AdoptionReport):
        return _done(state, f"{_counts(result.update)}. The library now uses encoder {result.encoder}") + _missing(
            result
        )
    if isinstance(result, UpdateReport):
        return _done(state, _counts(result)) + "".join(
            fragments.note(f"{shown(root)} holds no video now; what the library has from there was kept, in case its "
                           "disk is not mounted.")
            for root in result.kept
        )  # fmt: skip
    if isinstance(result, Deletion):
        return _done(state, f"{size(result.deleted.bytes)} are free again")
    if isinstance(result, SharedFootage):
        return _done(state, f"{len(result.groups):,} groups of files share footage, see Duplicates")
    if isinstance(result, int):
        return fragments.note(f"{state.title} is done: {result:,} files are forgotten; the disk is as it was.", "good")
    return fragments.progress(state)


def teller(job: Job) -> Callable[[Progress], None]:
    """Pass on how far an update has come."""

    def tell(done: Progress) -> None:
        failure = (done.path, done.reason) if done.path is not None and done.reason is not None else None
        text = f"{done.files} of {done.of_files} files" + (f", last {file_name(done.path)}" if done.path else "")
        job.tell(done.bytes / max(1, done.of_bytes), text, failure)

    return tell


def _start_update(site: Site, title: str, paths: list[str]) -> str:
    def work(job: Job) -> UpdateReport:
        job.tell(0.0, "Looking for videos")
        settings = site.settings
        return site.library.add(paths, settings.workers, teller(job), settings.stall_s)

    return site.indexing.start(title, work)


def _done(state: JobState, told: str) -> str:
    return fragments.note(f"{state.title} is done: {told}. It took {clock(state.seconds)}.", "good")


def _counts(report: UpdateReport) -> str:
    counts = {
        "new": report.indexed, "unchanged": report.unchanged, "moved": report.moved, "copies": report.copies,
        "gone": report.removed, "unreadable": len(report.failed),
    }  # fmt: skip
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no videos found"


def _missing(result: AdoptionReport) -> str:
    if not result.missing:
        return ""
    return fragments.note(
        f"{result.missing} files were not on the disk and are no longer in the library; look through their folders "
        "again once they are back."
    )
