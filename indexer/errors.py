"""What a library that can't do its work says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import ArgumentError

from encoder import errors
from encoder.checkpoint import CheckpointError
from indexer.database import CatalogError
from indexer.discover import PathError
from indexer.schema import SchemaError
from indexer.sketches import SketchError
from indexer.stored import NoVideoError


class LibraryError(errors.WorldError):
    """A library that can't do what was asked, in one sentence that says what to do."""


@contextmanager
def in_words(folder: Path) -> Iterator[None]:
    """Turn what goes wrong outside our hands into one sentence."""
    try:
        yield
    except (CatalogError, SketchError) as error:
        raise LibraryError(f"library {folder}: {error}") from error
    except (ArgumentError, ModuleNotFoundError) as error:
        raise LibraryError(f"the address of the catalog can't be used: {error}") from error
    except OSError as error:
        raise LibraryError(errors.in_words(error, folder)) from error
    except (PathError, CheckpointError, NoVideoError) as error:
        raise LibraryError(str(error)) from error
    except SchemaError as error:
        raise LibraryError(f"library {folder} can't be opened: {error}; use that version of reelseek") from error
