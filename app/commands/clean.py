"""`reelseek clean`: libraries of other encoders are deleted."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from app.console import Fault, JsonOption, LibraryOption, print_json, say, settings_for
from app.text import shown, size

if TYPE_CHECKING:  # heavy modules are imported inside the command
    from indexer.leftovers import Leftover


def clean(
    fingerprints: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FINGERPRINT]...", help="Of the encoders whose libraries go [all that are left over]."),
    ] = None,
    library: LibraryOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without being asked.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete what is left in a library's folder of encoders that it used before, or was to use."""
    from app.service import leftover_rows
    from indexer.leftovers import delete_leftover, leftovers

    settings = settings_for(library)
    found = _chosen(leftovers(settings.library), fingerprints or [])
    if found and not yes:
        _ask(found)
    for one in found:
        delete_leftover(settings.library, one)
    if as_json:
        print_json({"deleted": leftover_rows(found), "bytes": sum(one.bytes for one in found)})
    elif found:
        typer.echo(f"{len(found)} deleted, {size(sum(one.bytes for one in found))} are free again")
    else:
        typer.echo("nothing is left over")


def _chosen(found: "list[Leftover]", fingerprints: list[str]) -> "list[Leftover]":
    known = {one.fingerprint: one for one in found}
    for wanted in fingerprints:
        if wanted not in known:
            left = ", ".join(known) or "none"
            raise Fault(f"no library of an encoder {wanted} is left over; what is: {left}")
    return [known[wanted] for wanted in dict.fromkeys(fingerprints)] if fingerprints else found


def _ask(found: "list[Leftover]") -> None:
    for one in found:
        videos = "unreadable" if one.videos is None else f"{one.videos} videos"
        say(f"{one.encoder} ({one.fingerprint}): {videos}, {size(one.bytes)}, {shown(str(one.place))}")
    if not sys.stdin.isatty():
        raise Fault("nothing was deleted; to delete this, add --yes")
    if not typer.confirm("Delete this for good?", err=True):
        raise Fault("nothing was deleted")
