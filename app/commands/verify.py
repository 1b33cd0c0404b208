"""`reelseek verify`: a library checked against itself."""

from typing import Annotated

import typer

from app.console import Fault, JsonOption, LibraryOption, print_json, settings_for
from app.text import shown


def verify(
    library: LibraryOption = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Drop what is broken, to be indexed again, and rebuild the cache."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a library against itself."""
    from indexer.library import Library
    from indexer.verify import verify as check

    settings = settings_for(library)
    with Library.open(settings.library, settings.catalog_url) as opened:
        result = check(opened, repair)
        if as_json:
            print_json({"ok": result.ok, "problems": result.problems, "repaired": result.repaired})
        else:
            for problem in result.problems:
                typer.echo(f"{'repaired' if problem in result.repaired else 'broken'}: {shown(problem)}")
            if result.ok:
                typer.echo("the library is sound")
    if not result.ok:
        unrepaired = len(result.problems) - len(result.repaired)
        raise Fault(f"library {settings.library} has {unrepaired} problems; mend it with: reelseek verify --repair")
