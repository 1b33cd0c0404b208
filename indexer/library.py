"""A library on disk: the catalog, the vector index made from it, and the encoder it was built with.

The folder holds `catalog.sqlite` (the truth), `vectors.faiss` (a cache), `encoder.safetensors` (a copy, so that a
library outlives the default encoder it was built with) and `index.lock`. Once another encoder was adopted, a folder
inside it does: see `indexer.current`.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore
from typing import Self

from filelock import FileLock, Timeout

from encoder.checkpoint import Checkpoint
from encoder.clips import Span
from encoder.decoding import DecodePool
from indexer.cached_index import CachedIndex
from indexer.catalog import Catalog
from indexer.current import exists, home
from indexer.discover import discover, resolve
from indexer.embedder import Embedder
from indexer.errors import LibraryError, in_words
from indexer.filters import passing
from indexer.folders import is_below, looks_unmounted, outermost
from indexer.modes import search_in
from indexer.opening import make, reopen
from indexer.paging import page
from indexer.requests import Example, Examples, Filters, Mode, VideoRef, examples
from indexer.search import Match, Query
from indexer.stills import held, mode_for
from indexer.stored import stored_query
from indexer.update import Failure, Progress, Update, UpdateReport

_AT_ONCE = 2  # searches: one is decoded or aligned while another is embedded; more would only jostle
_FOLDERS = "folders"  # a fact in the catalog, as JSON


class Library:
    """A collection of indexed videos: add, remove, search, verify. Safe to use from several threads."""

    def __init__(self, folder: Path, catalog: Catalog, checkpoint: Checkpoint) -> None:
        """Use `create` or `open`."""
        self.folder, self.catalog, self.checkpoint = folder, catalog, checkpoint
        self._lock = FileLock(folder / "index.lock")
        self.index = CachedIndex(folder / "vectors.faiss", checkpoint.config.dim, catalog, self._lock)
        self._embedder = Embedder(checkpoint, _AT_ONCE)
        self._turns = Semaphore(_AT_ONCE)

    # Creating and opening

    @classmethod
    def create(cls, folder: Path, checkpoint: Checkpoint, catalog_url: str | None = None) -> Self:
        """Make an empty library in a folder that has none.

        Raises:
            LibraryError: there is one already, or the folder can't be written.
        """
        return cls(folder, make(folder, checkpoint, catalog_url), checkpoint)

    @classmethod
    def open(cls, folder: Path, catalog_url: str | None = None) -> Self:
        """Open a library with its own encoder; a catalog of an earlier version is migrated.

        Raises:
            LibraryError: there is none, it is damaged, or it is of a later version.
        """
        if not exists(folder):
            raise LibraryError(f"{folder} holds no library; make one with: reelseek index FOLDER --library {folder}")
        return cls.open_place(home(folder), catalog_url)

    @classmethod
    def open_place(cls, folder: Path, catalog_url: str | None = None) -> Self:
        """Open the library that lies in `folder` itself, whether it is the one in use there or not; else as `open`."""
        return cls(folder, *reopen(folder, catalog_url))

    def require_encoder(self, checkpoint: Checkpoint) -> None:
        """Refuse any encoder but the library's own.

        Raises:
            LibraryError: it is another one.
        """
        if checkpoint.fingerprint != self.checkpoint.fingerprint:
            raise LibraryError(
                f"library {self.folder} was built by encoder {self.checkpoint.fingerprint}, not "
                f"{checkpoint.fingerprint}; leave --encoder out to go on with the library's own, or give it this one, "
                "which indexes all its videos anew: reelseek adopt"
            )

    def close(self) -> None:
        """End worker processes and a rebuild of the index, and close the catalog."""
        self.index.close()
        self._embedder.close()
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Changing

    def add(
        self,
        paths: Iterable[str | Path],
        workers: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        stall_s: float = 60.0,
    ) -> UpdateReport:
        """Index files and folders; whatever is committed stays, however the run ends.

        Args:
            paths: files, and folders with all below them.
            workers: files decoded at once; None for one a processor.
            progress: called after every step.
            stall_s: seconds without a new clip after which a file is given up.

        Raises:
            LibraryError: a path does not exist, another process is indexing, or the disk is full.
        """
        with self.changing():
            found = discover(paths)
            self._set_folders([*self.folders(), *filter(os.path.isdir, found.roots)])
            self.index.refresh()  # a cache that is not of this catalog is noticed only while their generations differ
            known = self.catalog.files(found.roots)
            kept = [root for root in found.roots if looks_unmounted(root, [state.path for state in found.files], known)]
            for root in kept:
                known = {path: file for path, file in known.items() if not is_below(path, root)}
            with DecodePool(workers or os.cpu_count() or 1, stall_s) as pool:
                report = Update(self.catalog, self.checkpoint, progress).run(found.files, known, pool)
            report.kept = kept
            report.failed += [Failure(str(e.filename), f"can't be listed: {e.strerror}") for e in found.unreadable]
            self.index.refresh_and_save()
            return report

    def forget_failures(self, paths: Iterable[str | Path]) -> list[str]:
        """Forget that files at or below the given paths could not be indexed, and return those still there.

        Raises:
            LibraryError: another process is indexing.
        """
        with self.changing():
            failed = [path for path, file in self.catalog.files(resolve(paths)).items() if file.reason is not None]
            self.catalog.remove_files(failed)
            return [path for path in failed if os.path.lexists(path)]

    def remove(self, paths: Iterable[str | Path]) -> int:
        """Forget the files at or below the given paths, not touching them on disk, and return how many there were.

        Raises:
            LibraryError: the library has nothing there, or another process is indexing.
        """
        with self.changing():
            self.index.refresh()  # as in `add`
            gone: set[str] = set()
            for root in resolve(paths):
                below = self.catalog.files([root])
                if not below:
                    raise LibraryError(f"{root} is not in library {self.folder}; `reelseek status` shows what is")
                gone |= below.keys()
            self.catalog.remove_files(gone)
            removed = resolve(paths)
            self._set_folders(folder for folder in self.folders() if not any(is_below(folder, r) for r in removed))
            self.index.refresh_and_save()
            return len(gone)

    # Reading

    def folders(self) -> list[str]:
        """The folders that were added, as absolute paths, without those that lie in others of them."""
        folders: list[str] = json.loads(self.catalog.meta().get(_FOLDERS, "[]"))
        return folders

    def _set_folders(self, folders: Iterable[str]) -> None:
        self.catalog.set_meta(**{_FOLDERS: json.dumps(outermost(folders))})

    def search(
        self,
        like: Examples,
        unlike: Examples = (),
        filters: Filters | None = None,
        k: int = 10,
        offset: int = 0,
        mode: Mode = Mode.SIMILAR,
    ) -> list[Match]:
        """Find the videos in which the scene of an example, or of several, happens.

        Pages of one size neither repeat nor miss a video, as long as the library stays as it is; where it changes
        between two pages, a video may come twice or not at all.

        Args:
            like: what is looked for: an example, or several that count together.
            unlike: what is not.
            filters: which videos may answer; the scores stay what they are without.
            k: how many videos, at most.
            offset: how many of the best ones to pass over.
            mode: what counts as an answer.

        Raises:
            ValueError: there is no example of what is looked for.
            VideoError: an example can't be read.
            LibraryError: an example is no video of the library, or the library can't be read.
            ModeError: the library's encoder can't tell that.
        """
        wanted, unwanted = examples(like), examples(unlike)
        if not wanted:
            raise ValueError("a search needs an example of what is looked for")
        with self._turns, in_words(self.folder):
            queries = [self.query_of(example) for example in [*wanted, *unwanted]]
            among = self.catalog.clip_ids(passing(self.catalog, filters)) if filters and filters.given else None
            index, spec, config = self.index.current(), self.checkpoint.spec, self.checkpoint.config
            how = mode_for(mode, queries[: len(wanted)], spec, config.look_dim)
            shown = [held(query, spec) for query in queries]
            given = shown[: len(wanted)], shown[len(wanted) :]

            def best(depth: int) -> list[Match]:
                return search_in(how, *given, self.catalog, index, depth, spec, config, among)

            return page(best, k, offset)

    def query_of(self, example: Example) -> Query:
        """Embed an example, or take from the catalog what is embedded already.

        Raises:
            VideoError: the example can't be read.
            LibraryError: it is no video of the library.
        """
        if isinstance(example.what, VideoRef):
            with in_words(self.folder):
                return stored_query(example.what, example.span, self.catalog, self.checkpoint.spec)
        return self.embed_query(example.what, example.span)

    def embed_query(self, clip: str | Path, span: Span | None = None) -> Query:
        """Embed a clip as it is and as what it may have been before it was edited.

        Raises:
            VideoError: the clip can't be read.
        """
        return self._embedder.embed(clip, span)

    def warm_up(self) -> None:
        """Load now what the first search would wait for: the network, its decoder processes and the vector index."""
        self._embedder.warm_up()
        self.index.refresh()
        self.catalog.clip_ids()  # which it keeps

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other processes from changing the library meanwhile.

        Raises:
            LibraryError: one is changing it now.
        """
        with in_words(self.folder):
            if successor := self.catalog.meta().get("successor"):
                raise LibraryError(f"encoder {successor} has taken over library {self.folder}; open it anew")
            try:
                with self._lock.acquire(timeout=0):
                    yield
            except Timeout as error:
                raise LibraryError(
                    f"another process is changing library {self.folder}; try again when it is done"
                ) from error
