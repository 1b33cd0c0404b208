"""UCF101: Soomro et al. 2012, https://arxiv.org/abs/1212.0402."""

import re
from pathlib import Path

from training.datasets.items import Listed, SplitError, find_listed, read_text

_EXAMPLE = "trainlist01.txt of UCF101"
_LINE = re.compile(  # i: v_HandStandPushups_*.avi lies in HandstandPushups in some copies
    r"(?P<label>\w+)/(?P<stem>v_(?P<group>(?i:(?P=label))_g\d\d)_c\d\d)\.avi(?: +\d+)?"
)


def read_ucf101(videos: Path, split_file: Path) -> Listed:
    """Read trainlist01.txt or its like (`CLASS/v_CLASS_g08_c01.avi 1`; the class number is left out in test lists).

    A group is a class and its source video, as in `YoYo_g08`: g01 to g25 start anew in each class. Split 1 has
    9,537 videos to train on and 3,783 to test on.

    Raises:
        SplitError: the file can't be read or isn't as it should be, or none of its videos is there.
    """
    lines = read_text(split_file, _EXAMPLE).split("\n")
    if "youtube_id" in lines[0]:
        raise SplitError(f"{split_file} is of Kinetics; give a split file of UCF101, such as trainlist01.txt")
    listed = [_parse(split_file, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    return find_listed(videos, split_file, [(match["stem"], match["label"], match["group"]) for match in listed])


def is_of_ucf101(line: str) -> bool:
    """Whether a line is one of its lists."""
    return _LINE.fullmatch(line.strip()) is not None


def _parse(split_file: Path, number: int, line: str) -> re.Match[str]:
    match = _LINE.fullmatch(line.strip())
    if match is None:
        expected = "CLASS/v_CLASS_gNN_cNN.avi, alone or with a class number"
        raise SplitError(f"{split_file} line {number}: must be {expected}, not {line.strip()!r}")
    return match
