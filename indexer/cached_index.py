"""The vector index of a library, kept at the generation of the catalog and in a file."""

from pathlib import Path
from threading import Event, RLock, Thread

import numpy as np
from filelock import FileLock, Timeout

from indexer.catalog import Catalog
from indexer.database import CatalogError
from indexer.errors import in_words
from indexer.vector_file import CacheError
from indexer.vectors import VectorIndex, cached_facts, cached_generation


class CachedIndex:
    """The index, caught up from the catalog where the file is behind, missing or damaged. Safe to use from threads."""

    def __init__(self, path: Path, dim: int, catalog: Catalog, file_lock: FileLock) -> None:
        """Know where the file is; it is read when the index is first asked for.

        Args:
            path: the file of the vector index.
            dim: numbers of an embedding.
            catalog: has all of them.
            file_lock: held by whoever writes the file.
        """
        self.path, self._dim, self._catalog, self._file_lock = path, dim, catalog, file_lock
        self.warning: str | None = None  # why the file could not be written, if it could not
        self._index = VectorIndex(dim, -1)
        self._saved: tuple[VectorIndex, int] | None = None  # what the file holds, and of which generation
        self._lock = RLock()
        self._structure_lock = RLock()  # taken before the other
        self._closing = Event()
        self._rebuilding: Thread | None = None

    def close(self) -> None:
        """End a rebuild."""
        self._closing.set()
        if self._rebuilding:
            self._rebuilding.join()

    def refresh(self) -> None:
        """Bring the vector index to the catalog's generation, from the cache file where that is sound."""
        with in_words(self.path.parent), self._lock:
            generation = self._catalog.generation()
            if self._index.generation == generation:
                return
            if self._index.generation < 0 or cached_generation(self.path) == generation:
                self._index = self._load()  # in the latter case another process has caught up already
            if self._index.generation != generation:
                self._catch_up(generation)
                self._save()

    def current(self) -> VectorIndex:
        """The index to search now; one that has outgrown its structure is rebuilt in the background meanwhile."""
        with self._lock:
            self.refresh()
            if self._index.due and not (self._rebuilding and self._rebuilding.is_alive()):
                self._rebuilding = Thread(target=self._restructure, name="rebuild of the vector index", daemon=True)
                self._rebuilding.start()
            return self._index

    def refresh_and_save(self) -> None:
        """Refresh, and write the cache if an earlier refresh could not: the disk was full, or we were changing."""
        with self._lock:
            self.refresh()
            if self._saved != (self._index, self._index.generation):
                self._save()
        self._restructure()

    def rebuild(self) -> None:
        """Build the vector index from the catalog alone and write it."""
        with self._lock:
            self.path.unlink(missing_ok=True)
            self._index = VectorIndex(self._dim, -1)
            self.refresh()
        self._restructure()

    @property
    def facts(self) -> str | None:
        """How the clips are searched, in words and from the cache file alone; None if there is none."""
        return cached_facts(self.path)

    def _catch_up(self, generation: int) -> None:
        if self._index.generation > generation:  # of another catalog, or of one since replaced by a backup
            self._index = VectorIndex(self._dim)
        have, want = self._index.ids(), self._catalog.clip_ids()
        self._index.remove(np.setdiff1d(have, want, assume_unique=True))
        new = np.setdiff1d(want, have, assume_unique=True)
        for ids, embeddings in self._catalog.embeddings(after=int(new[0]) - 1) if len(new) else ():
            if embeddings.shape[1] != self._dim:
                raise CatalogError(
                    f"an embedding has {embeddings.shape[1]} numbers, not {self._dim}; mend it with: "
                    "reelseek verify --repair"
                )
            fresh = np.isin(ids, new, assume_unique=True)
            self._index.add(ids[fresh], embeddings[fresh])
        self._index.generation = generation

    def _restructure(self) -> None:
        """Give an index that has outgrown its structure another; until it is there, searches use the old one."""
        with self._structure_lock:
            old = self._index
            made = old.restructured(self._closing.is_set) if old.due else None
            if made is None:
                return
            with self._lock:
                if self._index is not old:  # another process has restructured it, and we have read its file
                    return
                made.follow(old)
                self._index = made
            self._save()

    def _load(self) -> VectorIndex:
        try:
            index = VectorIndex.load(self.path, self._dim)
            self._saved = index, index.generation
            return index
        except CacheError:
            return VectorIndex(self._dim)  # caught up from the catalog

    def _save(self) -> None:
        """Write the cache unless another process is indexing, which will; failing costs only time at the next start."""
        try:
            with self._file_lock.acquire(timeout=0):
                index = self._index
                self._saved, self.warning = (index, index.save(self.path)), None
        except Timeout:
            return
        except OSError as error:
            self.warning = (
                f"the search cache {self.path} could not be written ({error.strerror or error}); the catalog is "
                "complete and searches work, but each start rebuilds the cache until there is room"
            )
