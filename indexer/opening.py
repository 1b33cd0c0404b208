"""Making and opening what a library consists of: its catalog, and the encoder that it was built with."""

from dataclasses import replace
from pathlib import Path

from sqlalchemy import URL, make_url

from encoder.checkpoint import Checkpoint, load_encoder
from indexer import schema
from indexer.catalog import Catalog
from indexer.current import ENCODER, exists
from indexer.errors import LibraryError, in_words

CATALOG = "catalog.sqlite"
_FORMAT = "1"


def make(folder: Path, checkpoint: Checkpoint, catalog_url: str | None) -> Catalog:
    """Make the parts of an empty library in a folder that has none; see `Library.create`."""
    if exists(folder):
        raise LibraryError(f"{folder} already holds a library; open it, or give another folder")
    with in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        catalog = Catalog(catalog_address(folder, catalog_url))
        schema.upgrade(catalog.engine)
        before = catalog.meta().get("encoder", checkpoint.fingerprint)
        if before != checkpoint.fingerprint and catalog.totals()[0]:
            raise LibraryError(f"the {ENCODER} of library {folder} is missing; put encoder {before} back there")
        catalog.set_meta(format=_FORMAT, encoder=checkpoint.fingerprint, encoder_name=checkpoint.name)
        checkpoint.write(folder / ENCODER)  # last: now the library exists
    return catalog


def reopen(folder: Path, catalog_url: str | None) -> tuple[Catalog, Checkpoint]:
    """Open the parts of a library that lies in a folder itself; see `Library.open_place`."""
    with in_words(folder):
        checkpoint = load_encoder(folder / ENCODER)
        catalog = Catalog(catalog_address(folder, catalog_url))
        schema.upgrade(catalog.engine)
        meta = catalog.meta()
    if meta.get("format") != _FORMAT:
        raise LibraryError(f"library {folder} has format {meta.get('format')}, this version reads {_FORMAT}")
    if meta["encoder"] != checkpoint.fingerprint:
        raise LibraryError(
            f"library {folder} was built by encoder {meta['encoder']}, but its {ENCODER} is "
            f"{checkpoint.fingerprint}; put the right file back or index into a new library"
        )
    return catalog, replace(checkpoint, name=meta["encoder_name"])


def catalog_address(folder: Path, catalog_url: str | None = None) -> URL:
    """Where the catalog of a library is: at a given URL, else in its folder."""
    return make_url(catalog_url) if catalog_url else URL.create("sqlite", database=str(folder / CATALOG))
