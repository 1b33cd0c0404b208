"""`reelseek evaluate`: how well an encoder retrieves."""

import os
import shlex
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from app.console import JsonOption, WorkersOption, print_json, say, settings_for
from app.progress import StepProgress


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
        Path | None,
        typer.Option(metavar="DIR", help="Write report.html and more; kept work lets the same command go on later."),
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
    count, work = workers or settings.workers or os.cpu_count() or 1, report / "work" if report else None
    with DecodePool(count, settings.stall_s) as pool:
        with StepProgress("Evaluating") as progress:
            count_passes = partial(progress.count, "passes over the videos")
            evaluation = run_evaluation(rows, judged, pool, command, count_passes, others=others, work=work)
        if report is not None:
            page = write_report(evaluation, thumbnails(evaluation, pool), report)
            say(f"report written to {page}; {work} is kept work and may be deleted")
    if as_json:
        print_json(to_json(evaluation))
    else:
        typer.echo(to_markdown(evaluation))
