"""A library on disk: the catalog, the vector index made from it, and the encoder it was built with.

The folder holds `catalog.sqlite` (the truth), `vectors.faiss` (a cache), `encoder.safetensors` (a copy, so that a
library outlives the default encoder it was built with) and `index.lock`. Once another encoder was adopted, a folder
inside it does: see `indexer.current`.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from queue import Queue
from threading import Event, RLock, Semaphore, Thread
from typing import Self

import numpy as np
from filelock import FileLock, Timeout
from sqlalchemy import URL, make_url

from encoder.checkpoint import Checkpoint, load_encoder
from encoder.clips import Span
from encoder.decoding import DecodePool
from indexer import schema
from indexer.catalog import Catalog
from indexer.current import ENCODER, home
from indexer.database import CatalogError
from indexer.discover import discover, resolve
from indexer.errors import LibraryError, in_words
from indexer.filters import passing
from indexer.folders import is_below, outermost
from indexer.modes import search_in
from indexer.paging import page
from indexer.query import embed_query
from indexer.recent import RecentQueries, key_of
from indexer.records import FileState, KnownFile
from indexer.requests import Example, Examples, Filters, Mode, VideoRef, examples
from indexer.search import Match, Query
from indexer.stills import held, mode_for
from indexer.stored import stored_query
from indexer.update import Failure, Progress, Update, UpdateReport
from indexer.vector_file import CacheError
from indexer.vectors import VectorIndex, cached_facts, cached_generation

_FORMAT = "1"
_AT_ONCE = 2  # searches: one is decoded or aligned while another is embedded; more would only jostle
_FOLDERS = "folders"  # a fact in the catalog, as JSON


class Library:
    """A collection of indexed videos: add, remove, search, verify. Safe to use from several threads."""

    def __init__(self, folder: Path, catalog: Catalog, checkpoint: Checkpoint) -> None:
        """Use `create` or `open`."""
        self.folder, self.catalog, self.checkpoint = folder, catalog, checkpoint
        self.warning: str | None = None  # why the cache could not be written, if it could not
        self._index = VectorIndex(checkpoint.config.dim, -1)
        self._cached: tuple[VectorIndex, int] | None = None  # what the cache file holds, and of which generation
        self._index_lock = RLock()
        self._structure_lock = RLock()  # taken before the index lock
        self._closing = Event()
        self._rebuilding: Thread | None = None
        self._lock = FileLock(folder / "index.lock")
        self._readers = [DecodePool(1) for _ in range(_AT_ONCE)]
        self._idle: Queue[DecodePool] = Queue()
        for pool in self._readers:
            self._idle.put(pool)
        self._turns = Semaphore(_AT_ONCE)
        self._recent = RecentQueries()

    # Creating and opening

    @classmethod
    def create(cls, folder: Path, checkpoint: Checkpoint, catalog_url: str | None = None) -> Self:
        """Make an empty library in a folder that has none.

        Raises:
            LibraryError: there is one already, or the folder can't be written.
        """
        if exists(folder):
            raise LibraryError(f"{folder} already holds a library; open it, or give another folder")
        with in_words(folder):
            folder.mkdir(parents=True, exist_ok=True)
            catalog = Catalog(_url(folder, catalog_url))
            schema.upgrade(catalog.engine)
            before = catalog.meta().get("encoder", checkpoint.fingerprint)
            if before != checkpoint.fingerprint and catalog.totals()[0]:
                raise LibraryError(f"the {ENCODER} of library {folder} is missing; put encoder {before} back there")
            catalog.set_meta(format=_FORMAT, encoder=checkpoint.fingerprint, encoder_name=checkpoint.name)
            checkpoint.write(folder / ENCODER)  # last: now the library exists
        return cls(folder, catalog, checkpoint)

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
        with in_words(folder):
            checkpoint = load_encoder(folder / ENCODER)
            catalog = Catalog(_url(folder, catalog_url))
            schema.upgrade(catalog.engine)
            meta = catalog.meta()
        if meta.get("format") != _FORMAT:
            raise LibraryError(f"library {folder} has format {meta.get('format')}, this version reads {_FORMAT}")
        if meta["encoder"] != checkpoint.fingerprint:
            raise LibraryError(
                f"library {folder} was built by encoder {meta['encoder']}, but its {ENCODER} is "
                f"{checkpoint.fingerprint}; put the right file back or index into a new library"
            )
        return cls(folder, catalog, replace(checkpoint, name=meta["encoder_name"]))

    def require_encoder(self, checkpoint: Checkpoint) -> None:
        """Refuse any encoder but the library's own.

        Raises:
            LibraryError: it is another one.
        """
        if checkpoint.fingerprint != self.checkpoint.fingerprint:
            raise LibraryError(
                f"library {self.folder} was built by encoder {self.checkpoint.fingerprint}, not "
                f"{checkpoint.fingerprint}; leave --encoder out to go on with the library's own, or index into a new "
                "library"
            )

    def close(self) -> None:
        """End worker processes and a rebuild of the index, and close the catalog."""
        self._closing.set()
        if self._rebuilding:
            self._rebuilding.join()
        for pool in self._readers:
            pool.close()
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
            self.refresh()  # a cache that is not of this catalog is noticed only while their generations differ
            known = self.catalog.files(found.roots)
            kept = [root for root in found.roots if _looks_unmounted(root, found.files, known)]
            for root in kept:
                known = {path: file for path, file in known.items() if not is_below(path, root)}
            with DecodePool(workers or os.cpu_count() or 1, stall_s) as pool:
                report = Update(self.catalog, self.checkpoint, progress).run(found.files, known, pool)
            report.kept = kept
            report.failed += [Failure(str(e.filename), f"can't be listed: {e.strerror}") for e in found.unreadable]
            self._refresh_and_save()
            return report

    def retry(
        self,
        paths: Iterable[str | Path],
        workers: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        stall_s: float = 60.0,
    ) -> UpdateReport:
        """Index the files at or below the given paths that could not be indexed once more, as in `add`.

        Raises:
            LibraryError: another process is indexing, or the disk is full.
        """
        with self.changing():
            failed = [path for path, file in self.catalog.files(resolve(paths)).items() if file.reason is not None]
            self.catalog.remove_files(failed)  # else they were known to fail
            return self.add(filter(os.path.lexists, failed), workers, progress, stall_s)

    def remove(self, paths: Iterable[str | Path]) -> int:
        """Forget the files at or below the given paths, not touching them on disk, and return how many there were.

        Raises:
            LibraryError: the library has nothing there, or another process is indexing.
        """
        with self.changing():
            self.refresh()  # as in `add`
            gone: set[str] = set()
            for root in resolve(paths):
                below = self.catalog.files([root])
                if not below:
                    raise LibraryError(f"{root} is not in library {self.folder}; `reelseek status` shows what is")
                gone |= below.keys()
            self.catalog.remove_files(gone)
            removed = resolve(paths)
            self._set_folders(folder for folder in self.folders() if not any(is_below(folder, r) for r in removed))
            self._refresh_and_save()
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
            index, spec, config = self.current_index(), self.checkpoint.spec, self.checkpoint.config
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
        key = key_of(clip, span)
        query = self._recent.get(key)
        if query is None:
            with self._reader() as pool:
                query = embed_query(clip, span, self.checkpoint, pool)
            self._recent.put(key, query)
        return query

    @contextmanager
    def _reader(self) -> Iterator[DecodePool]:
        """A decoder for one query; further ones wait."""
        pool = self._idle.get()
        try:
            yield pool
        finally:
            self._idle.put(pool)

    def warm_up(self) -> None:
        """Load now what the first search would wait for: the network, its decoder process and the vector index."""
        spec = self.checkpoint.spec
        self.checkpoint.embed(np.zeros((1, spec.frames, spec.size, spec.size, 3), np.uint8))
        for _ in self._readers:
            with self._reader() as pool:  # another one each time, while nobody searches
                pool.start()
        self.refresh()
        self.catalog.clip_ids()  # which it keeps

    def refresh(self) -> None:
        """Bring the vector index to the catalog's generation, from the cache file where that is sound."""
        with in_words(self.folder), self._index_lock:
            generation = self.catalog.generation()
            if self._index.generation == generation:
                return
            if self._index.generation < 0 or cached_generation(self.cache_path) == generation:
                self._index = self._load_cache()  # in the latter case another process has caught up already
            if self._index.generation != generation:
                self._catch_up(generation)
                self._save_cache()

    def current_index(self) -> VectorIndex:
        """The index to search now; one that has outgrown its structure is rebuilt in the background meanwhile."""
        with self._index_lock:
            self.refresh()
            if self._index.due and not (self._rebuilding and self._rebuilding.is_alive()):
                self._rebuilding = Thread(target=self._restructure, name="rebuild of the vector index", daemon=True)
                self._rebuilding.start()
            return self._index

    def _refresh_and_save(self) -> None:
        """Refresh, and write the cache if an earlier refresh could not: the disk was full, or we were changing."""
        with self._index_lock:
            self.refresh()
            if self._cached != (self._index, self._index.generation):
                self._save_cache()
        self._restructure()

    def _restructure(self) -> None:
        """Give an index that has outgrown its structure another; until it is there, searches use the old one."""
        with self._structure_lock:
            old = self._index
            made = old.restructured(self._closing.is_set) if old.due else None
            if made is None:
                return
            with self._index_lock:
                if self._index is not old:  # another process has restructured it, and we have read its file
                    return
                made.follow(old)
                self._index = made
            self._save_cache()

    def _catch_up(self, generation: int) -> None:
        dim = self.checkpoint.config.dim
        if self._index.generation > generation:  # of another catalog, or of one since replaced by a backup
            self._index = VectorIndex(dim)
        have, want = self._index.ids(), self.catalog.clip_ids()
        self._index.remove(np.setdiff1d(have, want, assume_unique=True))
        new = np.setdiff1d(want, have, assume_unique=True)
        for ids, embeddings in self.catalog.embeddings(after=int(new[0]) - 1) if len(new) else ():
            if embeddings.shape[1] != dim:
                raise CatalogError(
                    f"an embedding has {embeddings.shape[1]} numbers, not {dim}; mend it with: reelseek verify --repair"
                )
            fresh = np.isin(ids, new, assume_unique=True)
            self._index.add(ids[fresh], embeddings[fresh])
        self._index.generation = generation

    @property
    def cache_path(self) -> Path:
        """The file of the vector index."""
        return self.folder / "vectors.faiss"

    def _load_cache(self) -> VectorIndex:
        dim = self.checkpoint.config.dim
        try:
            index = VectorIndex.load(self.cache_path, dim)
            self._cached = index, index.generation
            return index
        except CacheError:
            return VectorIndex(dim)  # caught up from the catalog

    def _save_cache(self) -> None:
        """Write the cache unless another process is indexing, which will; failing costs only time at the next start."""
        try:
            with self._lock.acquire(timeout=0):
                index = self._index
                self._cached, self.warning = (index, index.save(self.cache_path)), None
        except Timeout:
            return
        except OSError as error:
            self.warning = (
                f"the search cache {self.cache_path} could not be written ({error.strerror or error}); the catalog is "
                "complete and searches work, but each start rebuilds the cache until there is room"
            )

    def rebuild_cache(self) -> None:
        """Build the vector index from the catalog alone and write it."""
        with self._index_lock:
            self.cache_path.unlink(missing_ok=True)
            self._index = VectorIndex(self.checkpoint.config.dim, -1)
            self.refresh()
        self._restructure()

    @property
    def index_facts(self) -> str | None:
        """How the clips are searched, in words and from the cache file alone; None if there is none."""
        return cached_facts(self.cache_path)

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


def exists(folder: Path) -> bool:
    """Whether a folder holds a library."""
    return (home(folder) / ENCODER).is_file()


def _looks_unmounted(root: str, files: list[FileState], known: dict[str, KnownFile]) -> bool:
    """Whether a folder that held videos has none at all now, as the mount point of an unplugged disk."""
    return (
        Path(root).is_dir()
        and any(is_below(path, root) for path in known)
        and not any(is_below(state.path, root) for state in files)
    )


def _url(folder: Path, catalog_url: str | None) -> URL:
    return make_url(catalog_url) if catalog_url else URL.create("sqlite", database=str(folder / "catalog.sqlite"))
