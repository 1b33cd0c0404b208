"""`reelseek recognise`: how well classes are recognised."""

import os
import shlex
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app.console import EncoderOption, JsonOption, WorkersOption, print_json, say, settings_for
from app.progress import StepProgress


class Protocol(StrEnum):
    """How classes are learnt."""

    PROBE = "probe"
    FINETUNE = "finetune"


def recognise(
    manifest: Annotated[Path, typer.Argument(help="CSV with the header path,label[,group][,split].")],
    protocol: Annotated[
        Protocol, typer.Option(help="A classifier on frozen features, or all of the network.")
    ] = Protocol.PROBE,
    encoder: EncoderOption = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write report.html and more; kept work lets the same command go on later."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Classifiers that differ by luck [3; 1 to finetune].")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Without a split: parts of the groups, each tested once.")] = 10,
    epochs: Annotated[int, typer.Option(min=1, help="To finetune for.")] = 16,
    device: Annotated[str | None, typer.Option(help="To finetune on [a GPU where there is one].")] = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how well classes are recognised on videos of other groups: top-1 and top-5, trivial baselines beside."""
    from app.manifest import read_manifest
    from app.recognise import recognise_by_finetuning, recognise_by_probe
    from app.report.recognition_document import to_json
    from app.report.recognition_markdown import to_markdown
    from app.report.write import write_recognition
    from encoder.checkpoint import DEFAULT, load_encoder
    from encoder.decoding import DecodePool

    settings = settings_for(None)
    rows, judged = read_manifest(manifest), load_encoder(encoder or DEFAULT)
    tunes = protocol is Protocol.FINETUNE
    seeds = seeds or (1 if tunes else 3)
    said = ["--encoder", encoder] if encoder else []
    said += ["--seeds", str(seeds), "--folds", str(folds), *(["--epochs", str(epochs)] if tunes else [])]
    command = shlex.join(["reelseek", "recognise", str(manifest), "--protocol", protocol.value, *said])
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)  # now, not after the work
    count, work = workers or settings.workers or os.cpu_count() or 1, report / "work" if report else None
    with DecodePool(count, settings.stall_s) as pool, StepProgress("Recognising") as progress:
        common = (rows, judged, pool, command, progress.count, seeds, folds, work)
        found = recognise_by_finetuning(*common, epochs, device, count) if tunes else recognise_by_probe(*common)
    if report is not None:
        say(f"report written to {write_recognition(found, report)}; {work} is kept work and may be deleted")
    if as_json:
        print_json(to_json(found))
    else:
        typer.echo(to_markdown(found))
