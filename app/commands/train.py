"""`reelseek train`: an encoder from videos without labels."""

import os
import shlex
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.console import WorkersOption, say, settings_for
from app.progress import StepProgress

if TYPE_CHECKING:  # heavy modules are imported inside the command
    from encoder.checkpoint import Checkpoint


class Recipe(StrEnum):
    """How to train."""

    COLLECTION = "collection"
    SMALL = "small"
    TINY = "tiny"
    DEFAULT = "default"
    UCF101_R3D18 = "ucf101_r3d18"
    UCF101_S3D = "ucf101_s3d"
    K400_R2PLUS1D18 = "k400_r2plus1d18"


def train(
    recipe: Annotated[Recipe, typer.Argument(help="`collection` for your own videos; `tiny` to see that it works.")],
    videos: Annotated[list[Path], typer.Option(help="Videos, and folders with all below them; may be repeated.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the run and its encoder go.")],
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run in DIR stopped.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, ... [a GPU where there is one].")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps [the recipe's].")] = None,
    batch: Annotated[int | None, typer.Option(min=2, help="Videos a step [the recipe's].")] = None,
    frames: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where small frames are kept, for several runs [in --out].")
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The data set's own list of training videos, for ucf101_* and k400_*."),
    ] = None,
    imagenet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights of EfficientNet-Lite0 that recipe default begins with [random]."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="NAME|FILE",
            help="Encoder that learns on, as far as it fits [collection: default].",
        ),
    ] = None,
    from_nothing: Annotated[bool, typer.Option("--from-nothing", help="Begin with random weights.")] = False,
    workers: WorkersOption = None,
) -> None:
    """Train an encoder on your own videos, without labels."""
    from app.training_files import find, tell_unreadable
    from encoder.model import Encoder
    from training.beginning import begin_with
    from training.recipes import recipe_named, with_schedule
    from training.train import train_files

    chosen = with_schedule(recipe_named(recipe.value), steps, batch)
    if chosen.dataset and (split is None or len(videos) != 1):
        raise typer.BadParameter(f"recipe {recipe} takes one --videos folder and the data set's list by --split FILE")
    if split and not chosen.dataset:
        raise typer.BadParameter(f"recipe {recipe} trains on all videos given; --split is for ucf101_* and k400_*")
    trained = _beginning(recipe, start, from_nothing, imagenet)
    if trained and not resume:
        begun = begin_with(Encoder(chosen.encoder), trained)  # refused now, not after videos were read
        say(f"begins with {' and '.join(begun.parts)} of encoder {begun.name} ({begun.fingerprint})")
    files = find(videos, chosen.dataset, split, say)
    settings = settings_for(None)
    with StepProgress(f"Training ({recipe})") as progress:
        encoder = train_files(
            chosen, files, out, seed, progress.count, resume, device,
            workers or settings.workers or os.cpu_count() or 1, frames, partial(tell_unreadable, tell=say), imagenet,
            trained,
        )  # fmt: skip
    typer.echo(str(encoder))
    quoted = shlex.quote(str(encoder))
    say(f"use it with: reelseek adopt {quoted}")
    say(f"or, for a new library: reelseek index FOLDER --library NEW --encoder {quoted}")


def _beginning(recipe: Recipe, start: str | None, from_nothing: bool, imagenet: Path | None) -> "Checkpoint | None":
    from encoder.checkpoint import load_encoder
    from training.recipes import beginning_of

    if sum(map(bool, (start, from_nothing, imagenet))) > 1:
        raise typer.BadParameter("--from, --from-nothing and --imagenet each say what to begin with; give one")
    if not from_nothing and not imagenet:
        start = start or beginning_of(recipe.value)
    return load_encoder(start) if start else None
