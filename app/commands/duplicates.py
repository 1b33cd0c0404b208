"""`reelseek duplicates`: files of a library that share footage."""

from functools import partial
from typing import Annotated, Any

import typer

from app.console import JsonOption, LibraryOption, print_json, say, settings_for
from app.progress import StepProgress, clock
from app.text import shown

_SHOWN = {"identical": "the same bytes", "whole": "copies of all of it", "partial": "share parts"}


def duplicates(
    library: LibraryOption = None,
    identical: Annotated[bool, typer.Option("--identical", help="Only byte-identical files: at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Group files of the library that share footage: whole copies, edited or not, and parts, with their times."""
    from app import shared_footage
    from indexer.library import Library

    settings = settings_for(library)
    with Library.open(settings.library, settings.catalog_url) as opened:
        if identical:
            groups = shared_footage.identical_files(opened)
        else:
            with StepProgress("Comparing") as progress:
                groups = shared_footage.duplicates(opened, partial(progress.count, "clips"))
    if as_json:
        print_json(groups)
        return
    for group in groups:
        _print_group(group)
    say(f"{len(groups)} groups of files that are the same or share footage" if not identical else _identical(groups))


def _identical(groups: list[dict[str, Any]]) -> str:
    return f"{len(groups)} groups of identical files"


def _print_group(group: dict[str, Any]) -> None:
    from app.shared_footage import edits

    typer.echo(f"{len(group['files'])} files: {_SHOWN[group['kind']]}")
    numbers = {path: number for number, path in enumerate(group["files"], 1)}
    for path, number in numbers.items():
        typer.echo(f"  {number}  {shown(path)}")
    for one in group["segments"]:
        a, b = (f"{numbers[one[v]]}: {clock(one[f'{v}_start'])} - {clock(one[f'{v}_end'])}" for v in "ab")
        typer.echo(f"     {a}  =  {b}{edits(one)}")
    typer.echo("")
