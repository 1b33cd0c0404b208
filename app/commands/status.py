"""`reelseek status`: what a library holds."""

from typing import Annotated, Any

import typer

from app.console import JsonOption, LibraryOption, print_json, settings_for
from app.progress import clock
from app.text import shown, size


def status(
    library: LibraryOption = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Also measure how well and how fast its index finds what is nearest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a library holds, and which files it could not read and why."""
    from app import service
    from indexer.leftovers import leftovers
    from indexer.library import Library

    settings = settings_for(library)
    with Library.open(settings.library, settings.catalog_url) as opened:
        result = {**service.status(opened), "left_over": service.leftover_rows(leftovers(settings.library))}
        if measure and result["clips"]:
            result["measured"] = service.measured(opened)
    print_json(result) if as_json else _print(result)


def _print(result: dict[str, Any]) -> None:
    encoder = result["encoder"]
    typer.echo(f"library   {result['library']} ({result['bytes'] / 1e6:.1f} MB)")
    typer.echo(f"videos    {result['videos']} in {result['files']} files, {clock(result['video_seconds'])}")
    typer.echo(f"clips     {result['clips']}, each {encoder['clip_s']:g} s long, one every {encoder['hop_s']:g} s")
    typer.echo(f"encoder   {encoder['name']} ({encoder['fingerprint']})")
    typer.echo(f"cache     {result['cache']}")
    if found := result.get("measured"):
        typer.echo(
            f"measured  {found['recall']:.1%} of the ten nearest clips found, {found['p50_ms']:.2f} ms a query "
            f"(99 of 100 within {found['p99_ms']:.2f} ms)"
        )
    for one in result["left_over"]:
        what = f"{one['encoder']} ({one['fingerprint']}), {size(one['bytes'])}"
        typer.echo(f"left over {what}; to delete it: reelseek clean")
    for entry in result["damaged"]:
        typer.echo(f"damaged   {shown(entry['path'])}: {entry['packets']} packets passed over")
    typer.echo(f"failed    {len(result['failed'])}")
    for failure in result["failed"]:
        typer.echo(f"  {shown(failure['path'])}: {failure['reason']}")
