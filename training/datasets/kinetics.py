"""Kinetics-400 and its like: Kay et al. 2017, https://arxiv.org/abs/1705.06950."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from training.datasets.items import Listed, SplitError, find_listed, read_text
from training.datasets.ucf101 import is_of_ucf101

_EXAMPLE = "train.csv of Kinetics"
_COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")
_CLIP = re.compile(r"[\w-]{11},\d{1,6},\d{1,6}")  # YouTube id, first and last second


def read_kinetics(videos: Path, split_file: Path) -> Listed:
    """Read train.csv or its like (label,youtube_id,time_start,time_end,split; more columns do not matter).

    Videos are named `ID_000010_000020` with the first and last second. Every copy lacks some that are no longer
    online. A group is the upload, by its YouTube id.

    Raises:
        SplitError: the file can't be read or isn't as it should be, or none of its videos is there.
    """
    lines = read_text(split_file, _EXAMPLE).split("\n")
    try:
        listed = _parse(split_file, lines)
    except csv.Error as error:
        raise SplitError(f"{split_file} is no CSV ({error}); give {_EXAMPLE}") from error
    return find_listed(videos, split_file, listed)


def _parse(split_file: Path, lines: Sequence[str]) -> list[tuple[str, str, str]]:
    """Stem, label and YouTube id of each video."""
    if is_of_ucf101(lines[0]):
        raise SplitError(f"{split_file} is of UCF101; give a split file of Kinetics, such as train.csv")
    reader = csv.DictReader(lines)
    if not set(_COLUMNS) <= set(reader.fieldnames or []):
        raise SplitError(f"{split_file} line 1: must have the columns {','.join(_COLUMNS)}, not {lines[0]!r}")
    listed, splits = [], set()
    for row in reader:
        label, youtube_id, start, end, split = ((row[column] or "").strip() for column in _COLUMNS)
        if not (label and split and _CLIP.fullmatch(f"{youtube_id},{start},{end}")):
            expected = f"{','.join(_COLUMNS)} with an id of 11 characters and whole seconds"
            line = lines[reader.line_num - 1]
            raise SplitError(f"{split_file} line {reader.line_num}: must be {expected}, not {line!r}")
        listed.append((f"{youtube_id}_{int(start):06d}_{int(end):06d}", label, youtube_id))
        splits.add(split)
    if not listed:
        raise SplitError(f"{split_file} lists no videos; give {_EXAMPLE}")
    if len(splits) > 1:
        raise SplitError(f"{split_file} mixes the splits {', '.join(sorted(splits))}; give a file of one of them")
    return listed
