"""What benchmarks ask for that edit the videos of a collection."""

import argparse
from pathlib import Path

from encoder.checkpoint import DEFAULT


def add_collection(parser: argparse.ArgumentParser, folders: str, out: str) -> None:
    """Add FOLDER..., --encoder, --seed, --same and --out.

    Args:
        parser: of a benchmark.
        folders: what the folders are for.
        out: the folder that is written to if none is given.
    """
    add = parser.add_argument
    add("folders", nargs="+", type=Path, help=folders)
    add("--encoder", default=DEFAULT, metavar="NAME|FILE", help="a shipped encoder, or a checkpoint file")
    add("--seed", type=int, default=0, help="of all that is drawn")
    add(
        "--same", action="append", default=[], metavar="REGEX",
        help="files in whose paths it matches, its group the same, are one recording; may be repeated",
    )  # fmt: skip
    add(
        "--out", type=Path, default=Path(out), metavar="FOLDER", help="for libraries and figures, kept for the next run"
    )
