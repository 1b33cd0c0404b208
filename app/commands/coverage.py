"""`reelseek coverage`: which parts of a video are found in others."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import JsonOption, LibraryOption, print_json, say, settings_for
from app.progress import StepProgress, clock
from app.text import shown


def coverage(
    video: Annotated[str, typer.Argument(help="The video that is looked at: a file, or library:ID.")],
    more: Annotated[list[str] | None, typer.Argument(metavar="[OTHER]...", help="As --in.")] = None,
    others: Annotated[
        list[str] | None,
        typer.Option("--in", metavar="OTHER", help="Where to look: files or library:ID [all of the library]."),
    ] = None,
    library: LibraryOption = None,
    picture: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: a .png or .svg file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which parts of a video are footage of other videos, and of which parts of those."""
    from app import asked, shared_footage
    from app.timeline import PICTURES, write_timeline
    from indexer.coverage import cover
    from indexer.library import Library
    from indexer.material import material

    if picture and picture.suffix.lower() not in PICTURES:
        raise typer.BadParameter(f"--picture {picture} must end in {' or '.join(PICTURES)}")
    where = [asked.example(text).what for text in [*(others or []), *(more or [])]]
    settings = settings_for(library)
    with Library.open(settings.library, settings.catalog_url) as opened:
        looked_at = material(opened, asked.example(video).what)
        among = [material(opened, what) for what in where] if where else None
        with StepProgress("Comparing") as progress:
            found = cover(opened, looked_at, among, partial(progress.count, "videos"))
    result = shared_footage.coverage_result(found)
    if picture:
        write_timeline(result, picture)
        say(f"picture written to {picture}")
    print_json(result) if as_json else _print(result)


def _print(result: dict[str, Any]) -> None:
    from app.shared_footage import edits

    covered, duration = result["covered"], result["duration"]
    if not result["sources"]:
        typer.echo(f"nothing of {shown(result['path'])} is found elsewhere")
        return
    share = f"{clock(covered)} of {clock(duration)} ({covered / duration:.0%})"
    typer.echo(f"{share} of {shown(result['path'])} is found elsewhere")
    for source in result["sources"]:
        typer.echo(f"  {shown(source['path'])}")
        for one in source["segments"]:
            there = f"{clock(one['source_start'])} - {clock(one['source_end'])}"
            typer.echo(f"    {clock(one['start'])} - {clock(one['end'])}  =  {there}{edits(one)}")
