"""`reelseek remove`: files taken out of a library."""

from pathlib import Path
from typing import Annotated

import typer

from app.console import Fault, JsonOption, LibraryOption, print_json, settings_for


def remove(
    paths: Annotated[list[Path], typer.Argument(help="Files or folders to forget; nothing on disk is touched.")],
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take files out of a library."""
    from indexer.library import Library

    settings = settings_for(library)
    with Library.open(settings.library, settings.catalog_url) as opened:
        count = opened.remove(paths)
        print_json({"removed": count}) if as_json else typer.echo(f"{count} files removed from the library")
        if opened.index.warning:
            raise Fault(opened.index.warning)
