"""The encoders that a library can be given, or be compared with."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from app.trainings import TrainingState
from encoder.checkpoint import Checkpoint, CheckpointError, load_encoder, shipped
from indexer.library import Library


@dataclass(frozen=True)
class KnownEncoder:
    """An encoder by the name it is known by here."""

    name: str
    source: str | Path  # as load_encoder takes it
    fingerprint: str

    def load(self) -> Checkpoint:
        """Read it.

        Raises:
            CheckpointError: it is gone or damaged.
        """
        return replace(load_encoder(self.source), name=self.name)


def known_encoders(library: Library, runs: list[TrainingState]) -> list[KnownEncoder]:
    """Each encoder once: that of the library, those that come with the program, those trained here."""
    own = library.checkpoint
    found = {own.fingerprint: KnownEncoder(own.name, library.folder / "encoder.safetensors", own.fingerprint)}
    sources: list[tuple[str, str | Path]] = [(name, name) for name in shipped()]
    sources += [(run.name, run.encoder) for run in runs if run.encoder]
    for name, source in sources:
        if fingerprint := fingerprint_of(source):
            found.setdefault(fingerprint, KnownEncoder(name, source, fingerprint))
    return list(found.values())


def fingerprint_of(source: str | Path) -> str | None:
    """The fingerprint of an encoder; None if it can't be read."""
    try:
        written = source.stat().st_mtime_ns if isinstance(source, Path) else 0
        return _fingerprint(source, written)
    except (OSError, CheckpointError):
        return None


@lru_cache(maxsize=64)
def _fingerprint(source: str | Path, _written: int) -> str:
    return load_encoder(source).fingerprint
