"""`reelseek manifest`: official split files in, a manifest out."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.console import say


class DataSet(StrEnum):
    """Whose official split files can be read."""

    UCF101 = "ucf101"
    HMDB51 = "hmdb51"
    DIVING48 = "diving48"
    SOMETHING = "something"
    KINETICS = "kinetics"


def manifest(
    dataset: Annotated[DataSet, typer.Argument(help="Whose videos they are.")],
    videos: Annotated[Path, typer.Argument(help="The folder of its videos.")],
    splits: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the set's own split files.")],
    out: Annotated[Path, typer.Option(metavar="FILE.csv", help="The manifest to write.")],
    number: Annotated[int, typer.Option(min=1, help="Which split, of the three of UCF101 and HMDB51.")] = 1,
    allow_missing: Annotated[
        bool, typer.Option("--allow-missing", help="Go on without videos that are not there, as with Kinetics always.")
    ] = False,
) -> None:
    """Write the manifest of a public data set, from its official split files, for `evaluate` and `recognise`."""
    from app.official import make_manifest

    made = make_manifest(dataset.value, videos, splits, out, number, allow_missing)
    typer.echo(str(made.manifest))
    groups = "videos that share a source are on one side" if made.grouped else "which videos share a source is unknown"
    say(f"{made.train} videos to train on, {made.test} to test on, {made.classes} classes; {groups}")
    if made.missing_list is not None:
        say(f"{len(made.missing)} listed videos are missing and left out: {made.missing_list}")
