"""HMDB51: Kuehne et al. 2011, https://doi.org/10.1109/ICCV.2011.6126543."""

import re
from collections.abc import Iterator
from pathlib import Path

from training.datasets.items import Listed, SplitError, find_listed, read_text

_EXAMPLE = "CLASS_test_split1.txt of HMDB51"
_LINE = re.compile(r"(?P<stem>\S.*)\.avi +(?P<side>[012])")
_TRAIN, _TEST = "1", "2"


def read_hmdb51(videos: Path, splits: Path, number: int) -> tuple[Listed, Listed]:
    """Read a split from the folder testTrainMulti_7030_splits: what is trained on, and what is tested on.

    It has one file a class, `CLASS_test_split1.txt`, with lines of `VIDEO.avi 1`: 1 to train on, 2 to test on, 0 for
    neither; 70 and 30 videos of each of the 51 classes. A group is a class and the film or upload that the clip is
    cut from, which a video's name begins with: the splits keep those apart within a class only.

    Raises:
        SplitError: a file can't be read or isn't as it should be, or none of the videos of a side is there.
    """
    ending = f"_test_split{number}.txt"
    files = sorted(splits.glob(f"*{ending}"))
    if not files:
        raise SplitError(f"{splits} holds no file named like brush_hair{ending}; give testTrainMulti_7030_splits")
    listed = [row for file in files for row in _parse(file, file.name.removesuffix(ending))]
    train, test = ([row[1:] for row in listed if row[0] == side] for side in (_TRAIN, _TEST))
    if not (train and test):
        raise SplitError(f"the files of {splits} list {len(train)} videos to train on and {len(test)} to test on")
    return find_listed(videos, splits, train), find_listed(videos, splits, test)


def _parse(file: Path, label: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield side, name, label and group."""
    for number, line in enumerate(read_text(file, _EXAMPLE).split("\n"), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            expected = "VIDEO.avi and 0, 1 or 2"
            raise SplitError(f"{file} line {number}: must be {expected}, not {line.strip()!r}")
        source, _, _ = match["stem"].rpartition(f"_{label}_")
        yield match["side"], match["stem"], label, f"{label} {source or match['stem']}"
