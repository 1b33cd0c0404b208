"""`reelseek search`: examples in, moments out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.console import JsonOption, LibraryOption, print_json, say, settings_for
from app.progress import clock
from app.text import shown
from indexer.requests import Mode

if TYPE_CHECKING:  # heavy modules are imported inside the command
    from indexer.library import Library
    from indexer.requests import Example, Filters

_PART = "CLIP[@START-END], or library:ID[@START-END] for a video of the library"

_ALIKE = "times the root of the share of the query that was found; 1 is the same footage throughout"
_SCORES = {
    Mode.SIMILAR: f"how much closer it is than unrelated clips are, {_ALIKE}",
    Mode.COPY: "share of the query whose footage was found, times how well the pictures agree; nine tenths of that "
    "backwards",
    Mode.MOTION: f"how much closer its motion is than that of unrelated clips, {_ALIKE}",
    Mode.LOOK: f"how much closer its look is than that of unrelated clips, {_ALIKE}",
}


def search(
    clips: Annotated[
        list[str],
        typer.Argument(metavar="CLIP...", help=f"Examples that count together: {_PART}; also pictures."),
    ],
    library: LibraryOption = None,
    start: Annotated[float | None, typer.Option(min=0, help="In point in the first clip, seconds.")] = None,
    end: Annotated[float | None, typer.Option(min=0, help="Out point in the first clip, seconds.")] = None,
    like: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="A further example, as after the first; may be repeated.")
    ] = None,
    unlike: Annotated[
        list[str] | None, typer.Option(metavar="CLIP", help="An example of what is not wanted; may be repeated.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(metavar="DIR", help="Only videos at or below this folder.")] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only videos added on that day or later.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="Only videos added on that day or before.")] = None,
    min_duration: Annotated[float | None, typer.Option(min=0, help="Only videos at least so long, seconds.")] = None,
    max_duration: Annotated[float | None, typer.Option(min=0, help="Only videos at most so long, seconds.")] = None,
    min_height: Annotated[int | None, typer.Option(min=0, help="Only videos at least so high, pixels.")] = None,
    max_height: Annotated[int | None, typer.Option(min=0, help="Only videos at most so high, pixels.")] = None,
    mode: Annotated[
        Mode, typer.Option(help="similar scenes; copies of the footage; the same motion; the same look.")
    ] = Mode.SIMILAR,
    k: Annotated[int, typer.Option("-k", min=1, help="Videos to list, at most.")] = 10,
    offset: Annotated[int, typer.Option(min=0, help="Videos to pass over: those of the pages before.")] = 0,
    explain: Annotated[bool, typer.Option("--explain", help="Say on stderr what scores and confidence mean.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the videos, and the moments in them, in which the scene of a clip, or of several, happens."""
    from app import asked
    from app.service import meaning, search_rows
    from indexer.library import Library
    from indexer.requests import Filters

    try:
        first, *more = clips
        wanted = [asked.example(first, start, end), *(asked.example(text) for text in [*more, *(like or [])])]
        unwanted = [asked.example(text) for text in unlike or []]
        filters = Filters(
            folder,
            asked.moment(since) if since else None,
            asked.moment(until, after=True) if until else None,
            min_duration,
            max_duration,
            min_height,
            max_height,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    settings = settings_for(library)
    with Library.open(settings.library, settings.catalog_url) as opened:
        rows = search_rows(opened, opened.search(wanted, unwanted, filters, k, offset, mode), mode)
        if opened.index.warning:
            say(opened.index.warning)
        if explain:
            say(f"score: {_SCORES[mode]}; confidence: {meaning(opened, mode)}")
        if as_json:
            print_json(rows)
        elif rows:
            _print_rows(rows, wanted)
        else:
            say(_why_nothing(opened, filters, offset, mode))


def _why_nothing(library: "Library", filters: "Filters", offset: int, mode: Mode) -> str:
    if not library.catalog.totals()[0]:
        return f"library {library.folder} is empty; fill it with: reelseek index FOLDER"
    if offset:
        return f"there are no more than {offset} results"
    if mode is Mode.COPY:
        which = " that passes the filters" if filters.given else ""
        return f"no video of library {library.folder}{which} shows this footage; --mode similar finds what is like it"
    return f"no video of library {library.folder} passes the filters"


def _print_rows(rows: list[dict[str, Any]], examples: "list[Example]") -> None:
    for row in rows:
        typer.echo(f"{_found(row)}  {shown(row['path'])}{_tempo(row)}")
        for segment in row["segments"][1:]:
            which = f" (example {segment['example'] + 1})" if len(examples) > 1 else ""
            typer.echo(f"{_found(segment)}    also there{which}{_tempo(segment)}")


def _found(row: dict[str, Any]) -> str:
    chance = f"{row['confidence']:5.0%}" if "confidence" in row else ""
    return f"{row['score']:6.3f}{chance}  {clock(row['start'])} - {clock(row['end'])}"


def _tempo(row: dict[str, Any]) -> str:
    return " (backwards)" if row["tempo"] < 0 else ""
