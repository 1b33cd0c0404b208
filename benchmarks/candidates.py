"""Compare encoders on videos that they were not trained on: what they find, how fast, how large.

    python -m benchmarks.candidates CHECKPOINT... --manifest CSV UNSEEN [--sources DIR] [--share 0.5,0.8] [--out DIR]

R@1 in per cent. The videos of a manifest's unseen groups search each other for their class, a query's own group left
out; with --sources, parts of long files search for another part of the same file. A video is the mean of ten clips.
Intervals are 95 %, a bootstrap over groups or files; `above` is the paired difference to the baseline that finds most.
In --out stay the decoded pictures, so that the next encoder with the same clips costs no decoding, and candidates.json.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.costs import Cost, measure_costs
from benchmarks.features import (
    STILLS,
    WHOLE,
    Weighing,
    encoder_features,
    imagenet_feature,
    trivial_features,
    weighings,
)
from benchmarks.pictures import clips_to_encode, stretched_clips, stretched_features
from benchmarks.trials import LONG_S, Found, Trial, find, parts_of_files, unseen_videos
from encoder.checkpoint import Checkpoint, load_encoder
from encoder.config import EncoderConfig
from encoder.decoding import DecodePool
from encoder.errors import WorldError, in_words
from encoder.whole import appearing_whole
from training.corpus import Manifest

WORKERS = 2  # decode


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    found: dict[str, Found]  # by trial
    weighing: Weighing | None = None  # where it is an encoder
    checkpoint: Checkpoint | None = None
    cost: Cost | None = None

    def to_json(self) -> dict[str, Any]:
        """All numbers, and what an encoder is made of."""
        found = {name: each.to_json() for name, each in self.found.items()}
        if self.weighing is None or self.checkpoint is None or self.cost is None:
            return {"name": self.name, "found": found}
        config, spec = {**asdict(self.checkpoint.config), **self.weighing._asdict()}, asdict(self.checkpoint.spec)
        made_of = {"fingerprint": self.checkpoint.fingerprint, "config": config, "spec": spec}
        return {"name": self.name, **made_of, "found": found, "cost": asdict(self.cost)}


def main() -> None:
    """Print the table and write candidates.json."""
    options = _options()
    try:
        with TemporaryDirectory() as scratch, DecodePool(WORKERS) as pool:
            rows = _compared(options, pool, options.out or Path(scratch))
    except WorldError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(in_words(error))
    print(to_markdown(rows))


def _compared(options: argparse.Namespace, pool: DecodePool, out: Path) -> list[Row]:
    trials = [unseen_videos(manifest) for manifest in options.manifest]
    if options.sources:
        trials.append(parts_of_files(options.sources, options.without, _tell, options.least))
    checkpoints = {name: load_encoder(name) for name in options.checkpoints}
    costs = measure_costs(checkpoints)
    baselines = {trial.name: find_by_baselines(trial, options.imagenet, pool, out / "pictures") for trial in trials}
    rows = []
    for name, checkpoint in checkpoints.items():
        wanted = weighings(checkpoint.config, options.share, options.still)
        found = find_by_encoder(checkpoint, wanted, trials, baselines, pool, out / "pictures")
        rows += [Row(name, found[weighing], weighing, checkpoint, costs[name]) for weighing in wanted]
    names = next(iter(baselines.values()))
    rows += [Row(name, {trial: found[name] for trial, found in baselines.items()}) for name in names]
    with appearing_whole(out / "candidates.json") as partial:
        partial.write_text(json.dumps([row.to_json() for row in rows], indent=1))
    return rows


def find_by_baselines(trial: Trial, imagenet: Path | None, pool: DecodePool, kept: Path) -> dict[str, Found]:
    """What each baseline finds, with a file of weights also a network for images.

    Args:
        trial: where.
        imagenet: see `imagenet_feature`.
        pool: decodes.
        kept: folder for what it decodes.
    """
    _tell(f"{trial.name}, {len(trial.parts)} videos: baselines")
    features = trivial_features(stretched_clips(trial.parts, WHOLE, pool, kept))
    if imagenet:
        features["ImageNet mean"] = stretched_features(trial.parts, STILLS, imagenet_feature(imagenet), pool, kept)
    return {name: find(trial, vectors, {}) for name, vectors in features.items()}


def find_by_encoder(
    checkpoint: Checkpoint,
    wanted: Sequence[Weighing],
    trials: Sequence[Trial],
    baselines: Mapping[str, Mapping[str, Found]],
    pool: DecodePool,
    kept: Path,
) -> dict[Weighing, dict[str, Found]]:
    """What an encoder finds in each trial by each of the weighings, compared with the baselines there."""
    found: dict[Weighing, dict[str, Found]] = {weighing: {} for weighing in wanted}
    for trial in trials:
        _tell(f"{trial.name}, {len(trial.parts)} videos: {checkpoint.name}")
        seen = clips_to_encode(trial.parts, checkpoint.spec, pool, kept)
        for weighing, vectors in encoder_features(checkpoint, seen, wanted):
            found[weighing][trial.name] = find(trial, vectors, baselines[trial.name])
    return found


def to_markdown(rows: Sequence[Row]) -> str:
    """One table: a line for each encoder and weighing, then the baselines, then chance."""
    trials = rows[0].found
    head = ["encoder", "share of motion", "still"]
    for name, found in trials.items():
        head += [f"{name}, {found.queries} queries", "above", *found.by_source]
    head += ["clips/s", "of the shipped", "MB", "loads in s"]
    chance = ["chance", "", "", *(cell for found in trials.values() for cell in _chance(found)), "", "", "", ""]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *map(_cells, rows), chance]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> list[str]:
    cells = [row.name, *(f"{value:g}" for value in row.weighing or ())]
    cells += [""] * (3 - len(cells))
    for found in row.found.values():
        cells += [f"{100 * found.recall[1]:.1f} {_interval(found.interval)}", _above(found)]
        cells += [f"{100 * value:.1f}" for value in found.by_source.values()]
    if row.cost is None:
        return cells + [""] * 4
    cost = row.cost
    return [*cells, f"{cost.clips_per_s:.0f}", f"{cost.of_shipped:.2f}", f"{cost.megabytes:.1f}", f"{cost.load_s:.2f}"]


def _above(found: Found) -> str:
    if not found.above:
        return ""
    least = min(found.above.values(), key=lambda above: above.difference)
    return f"{100 * least.difference:+.1f} {_interval(least.interval, '+')}"


def _chance(found: Found) -> list[str]:
    return [f"{100 * found.chance:.1f}", "", *("" for _ in found.by_source)]


def _interval(interval: tuple[float, float], sign: str = "") -> str:
    return "[" + ", ".join(f"{100 * bound:{sign}.1f}" for bound in interval) + "]"


def _options() -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args()
    if not options.manifest and not options.sources:
        parser.error("nothing to measure on; give --manifest or --sources")
    try:
        options.manifest = [Manifest(Path(path), unseen) for path, unseen in options.manifest]
        for share in options.share:
            EncoderConfig(motion_weight=share)
        for still in options.still:
            EncoderConfig(still=still)
    except ValueError as error:
        parser.error(str(error))
    if len({manifest.name for manifest in options.manifest}) < len(options.manifest):
        parser.error("results go by a manifest's name; rename one")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.candidates", description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("checkpoints", nargs="+", metavar="CHECKPOINT", help="a file, or the name of a shipped encoder")
    add(
        "--manifest", nargs=2, action="append", default=[], metavar=("CSV", "UNSEEN"),
        help="labelled videos, and a pattern of the groups that no encoder was trained on; may be repeated",
    )  # fmt: skip
    add("--sources", type=Path, metavar="DIR", help="videos, in a folder for each source")
    add("--without", type=_pattern, default="(?!)", metavar="PATTERN", help="of paths in --sources to pass over")
    add("--least", type=float, default=LONG_S, metavar="S", help="seconds that a file in --sources must last")
    add("--imagenet", type=Path, metavar="PTH", help="weights of EfficientNet-Lite0, which then is a baseline")
    add("--share", type=_numbers, default=[], metavar="S,...", help="other values of motion_weight to try")
    add("--still", type=_numbers, default=[], metavar="D,...", help="other values of still to try")
    add("--out", type=Path, metavar="DIR", help="keeps pictures and results [nothing is kept]")
    return parser


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression: {error}") from error


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
