"""The command line. Results go to stdout, progress and messages to stderr.

Exit status: 0 done, 1 the world was at fault (one sentence on stderr), 2 the command line was wrong. Heavy modules are
imported inside the commands, so that `--help` and decoder processes start at once.
"""

import logging
import os
import shlex
import signal
import sys
import time
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands.coverage import coverage
from app.commands.duplicates import duplicates
from app.commands.manifest import manifest
from app.commands.recognise import recognise
from app.commands.search import search
from app.console import (
    EncoderOption,
    Fault,
    JsonOption,
    LibraryOption,
    WorkersOption,
    print_json,
    say,
    settings_for,
)
from app.logs import LogFormat, set_up_logs
from app.progress import FileProgress, StepProgress, clock
from app.text import shown
from encoder.errors import WorldError, in_words

app = typer.Typer(
    help="Find where a moving scene happens in a video collection, from an example clip.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


class _Stopped(BaseException):
    """The user or the system asked us to stop."""


class Recipe(StrEnum):
    """How to train."""

    COLLECTION = "collection"
    TINY = "tiny"
    DEFAULT = "default"
    UCF101_R3D18 = "ucf101_r3d18"
    UCF101_S3D = "ucf101_s3d"
    K400_R2PLUS1D18 = "k400_r2plus1d18"


@app.command()
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
            _print_index(result)
        if opened.warning:
            raise Fault(opened.warning)


app.command()(search)


@app.command()
def serve(
    library: LibraryOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on; the default is this machine only.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 7860,
    auth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USER:PASSWORD",
            help="Ask visitors to log in; may be repeated. Other users of this machine can see it: see --auth-file.",
        ),
    ] = None,
    auth_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Accounts with hashed passwords, a line each, as printed by `account`."),
    ] = None,
    folders: Annotated[
        list[Path] | None,
        typer.Option("--folder", help="A folder that may be indexed from the page; may be repeated."),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--name", metavar="HOST", help="A name by which visitors call this server; may be repeated."),
    ] = None,
    unprotected: Annotated[
        bool, typer.Option("--unprotected", help="Let everybody in, even where others can reach the address.")
    ] = False,
    log: Annotated[LogFormat, typer.Option(help="Log problems as text, or every request as JSON.")] = LogFormat.TEXT,
) -> None:
    """Open the web page and the HTTP API."""
    from app.access import access_at

    try:
        access = access_at(host, auth or [], auth_file, names or [], unprotected)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    from app.ui.server import run

    set_up_logs(log)
    try:
        run(settings_for(library), host, port, access, folders or [])
    except _Stopped:
        logging.getLogger("app.ui.server").info("the page is closed")


@app.command()
def account(name: Annotated[str, typer.Argument(help="Of the user; without a colon.")]) -> None:
    """Print a line for `serve --auth-file`: a name with the hash of a password, asked for or read from stdin."""
    from app.accounts import hashed

    if ":" in name or not name:
        raise typer.BadParameter(f"{name!r} can't be a name: it needs a letter and no colon")
    if sys.stdin.isatty():
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise Fault("no password came in; type one, or pipe it in")
    typer.echo(f"{name}:{hashed(password)}")


@app.command()
def evaluate(
    manifest: Annotated[Path, typer.Argument(help="CSV with the header path,label[,group][,split].")],
    encoders: Annotated[
        list[str] | None,
        typer.Option(
            "--encoder",
            metavar="NAME|FILE",
            help="A shipped encoder, or a checkpoint file; repeated, the first is judged and compared with the others.",
        ),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write report.html, and the same as Markdown, JSON and CSV.")
    ] = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well an encoder retrieves videos of the same class, trivial baselines beside it."""
    from app.evaluate import evaluate as run_evaluation
    from app.manifest import read_manifest
    from app.report.document import to_json
    from app.report.markdown import to_markdown
    from app.report.pictures import thumbnails
    from app.report.write import write_report
    from encoder.checkpoint import DEFAULT, load_encoder
    from encoder.decoding import DecodePool

    settings = settings_for(None)
    rows, (judged, *others) = read_manifest(manifest), [load_encoder(name) for name in encoders or [DEFAULT]]
    named = [part for name in encoders or [] for part in ("--encoder", name)]
    command = shlex.join(["reelseek", "evaluate", str(manifest), *named])
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # now, not after the work
    count = workers or settings.workers or os.cpu_count() or 1
    with DecodePool(count, settings.stall_s) as pool:
        with StepProgress("Evaluating") as progress:
            evaluation = run_evaluation(
                rows, judged, pool, command, partial(progress.count, "passes over the videos"), others=others
            )
        if report is not None:
            say(f"report written to {write_report(evaluation, thumbnails(evaluation, pool), report)}")
    if as_json:
        print_json(to_json(evaluation))
    else:
        typer.echo(to_markdown(evaluation))


app.command()(manifest)
app.command()(recognise)


@app.command()
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
    workers: WorkersOption = None,
) -> None:
    """Train an encoder on your own videos, without labels."""
    from app.training_files import find, tell_unreadable
    from training.recipes import recipe_named, with_schedule
    from training.train import train_files

    chosen = with_schedule(recipe_named(recipe.value), steps, batch)
    if chosen.dataset and (split is None or len(videos) != 1):
        raise typer.BadParameter(f"recipe {recipe} takes one --videos folder and the data set's list by --split FILE")
    if split and not chosen.dataset:
        raise typer.BadParameter(f"recipe {recipe} trains on all videos given; --split is for ucf101_* and k400_*")
    files = find(videos, chosen.dataset, split, say)
    settings = settings_for(None)
    with StepProgress(f"Training ({recipe})") as progress:
        encoder = train_files(
            chosen, files, out, seed, progress.count, resume, device,
            workers or settings.workers or os.cpu_count() or 1, frames, partial(tell_unreadable, tell=say), imagenet,
        )  # fmt: skip
    typer.echo(str(encoder))
    say(f"use it with: reelseek index FOLDER --library NEW --encoder {shlex.quote(str(encoder))}")


@app.command()
def status(
    library: LibraryOption = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Also measure how well and how fast its index finds what is nearest.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what a library holds, and which files it could not read and why."""
    from app import service
    from indexer.library import Library

    settings = settings_for(library)
    with Library.open(settings.library, settings.catalog_url) as opened:
        result = service.status(opened)
        if measure and result["clips"]:
            result["measured"] = service.measured(opened)
    print_json(result) if as_json else _print_status(result)


@app.command()
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


@app.command()
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
        if opened.warning:
            raise Fault(opened.warning)


app.command()(duplicates)
app.command()(coverage)


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(help="Folder to fill; a broken-off run is gone on with.")],
) -> None:
    """Render a small labelled video collection to try things on, with manifest.csv; nothing is downloaded."""
    from training.collection import write_collection

    with StepProgress("Rendering") as progress:
        manifest = write_collection(folder, progress=partial(progress.count, "videos"))
    typer.echo(str(manifest))


def main() -> None:
    """Run the command line and exit."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        app()
    except _Stopped:
        say("stopped; what was done so far is kept, and the same command goes on from there")
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader of our output has gone: nothing is left to say
        sys.exit(1)
    except WorldError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        say(in_words(error))
        sys.exit(1)


def _stop(*_: object) -> None:
    raise _Stopped


def _print_index(result: dict[str, Any]) -> None:
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


def _print_status(result: dict[str, Any]) -> None:
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
    for entry in result["damaged"]:
        typer.echo(f"damaged   {shown(entry['path'])}: {entry['packets']} packets passed over")
    typer.echo(f"failed    {len(result['failed'])}")
    for failure in result["failed"]:
        typer.echo(f"  {shown(failure['path'])}: {failure['reason']}")


if __name__ == "__main__":  # torchrun -m app.cli train ...
    main()
