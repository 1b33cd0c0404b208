"""`reelseek index`: videos in, a library that can be searched out."""

import os
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console import EncoderOption, Fault, JsonOption, LibraryOption, WorkersOption, print_json, say, settings_for
from app.progress import FileProgress, clock
from app.text import shown


def index(
    paths: Annotated[list[Path], typer.Argument(help="Videos, and folders with all below them.")],
    library: LibraryOption = None,
    encoder: EncoderOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make videos searchable; run it again to take in what is new, changed, moved or gone."""
    from app.service import index_result, open_or_create

    for path in paths:
        if not os.path.lexists(path):  # before a library is made for it
            raise Fault(f"{path}: no such file or folder")
    settings, started = settings_for(library), time.monotonic()
    with open_or_create(settings, encoder) as opened:
        with FileProgress("Indexing") as progress:
            report = opened.add(paths, workers or settings.workers, progress.update_files, settings.stall_s)
        result = index_result(report, time.monotonic() - started)
        for root in report.kept:
            say(
                f"{root} holds no video now, but the library has some from there; they were kept in case its "
                f"disk is not mounted. To drop them: reelseek remove {shlex.quote(root)}"
            )
        if as_json:
            print_json(result)
        else:
            print_counts(result)
        if opened.index.warning:
            raise Fault(opened.index.warning)


def print_counts(result: dict[str, Any]) -> None:
    """What was done with each file, for people."""
    counts = ("indexed", "unchanged", "moved", "copies", "removed")
    typer.echo(", ".join(f"{result[name]} {name}" for name in counts) + f", {len(result['failed'])} failed")
    if result["indexed"]:
        speed = result["video_seconds"] / result["seconds"]
        typer.echo(
            f"{result['clips']} clips of {clock(result['video_seconds'])} video in {clock(result['seconds'])}, "
            f"{speed:.1f} times real time"
        )
    for failure in result["failed"]:
        typer.echo(f"  {shown(failure['path'])}: {failure['reason']}")
