"""The official splits of UCF101 and Kinetics-400: which videos to train on, and which of them share a source.

UCF101: Soomro et al. 2012, https://arxiv.org/abs/1212.0402. Kinetics-400: Kay et al. 2017,
https://arxiv.org/abs/1705.06950. The videos lie in one folder, or in folders of whatever name right below it, as
copies spell the classes' folders in several ways; what a video shows is said by the split file alone.
"""

import csv
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from encoder.errors import WorldError, in_words

_UCF101_LINE = re.compile(  # i: v_HandStandPushups_*.avi lies in HandstandPushups in some copies
    r"(?P<label>\w+)/(?P<stem>v_(?P<group>(?i:(?P=label))_g\d\d)_c\d\d)\.avi(?: +\d+)?"
)
_KINETICS_COLUMNS = ("label", "youtube_id", "time_start", "time_end", "split")
_KINETICS_CLIP = re.compile(r"[\w-]{11},\d{1,6},\d{1,6}")  # YouTube id, first and last second


class SplitError(WorldError):
    """A split file that can't be used, or videos that don't match it, in one sentence."""


@dataclass(frozen=True)
class Item:
    """One video of a split."""

    path: Path
    label: str
    group: str | None  # the source: clips of one group may not lie on both sides of a split


def read_ucf101(videos: Path, split_file: Path) -> list[Item]:
    """Read trainlist01.txt or its like (`CLASS/v_CLASS_g08_c01.avi 1`; the class number is left out in test lists).

    A group is a class and its source video, as in `YoYo_g08`: g01 to g25 start anew in each class. Split 1 has
    9,537 videos to train on and 3,783 to test on.

    Raises:
        SplitError: the file can't be read or isn't as it should be, or a video is missing, as the set is complete.
    """
    lines = _read_lines(split_file, "trainlist01.txt of UCF101")
    if "youtube_id" in lines[0]:
        raise SplitError(f"{split_file} is of Kinetics-400; give a split file of UCF101, such as trainlist01.txt")
    listed = [_parse_ucf101(split_file, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    found = _files_by_stem(videos, ".avi")
    missing = [f"{match['stem']}.avi" for match in listed if match["stem"] not in found]
    if missing:
        some = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise SplitError(
            f"{len(missing)} of {len(listed)} videos of {split_file} are missing in {videos}: {some}; "
            "give the folder of all of UCF101's videos"
        )
    return [Item(found[match["stem"]], match["label"], match["group"]) for match in listed]


def read_kinetics(
    videos: Path, split_file: Path, report_missing: Callable[[int, int], None] | None = None
) -> list[Item]:
    """Read train.csv or its like (label,youtube_id,time_start,time_end,split; more columns do not matter).

    Videos are named `ID_000010_000020` with the first and last second, .mp4, .mkv or .webm. Every copy lacks some
    that are no longer online: they are left out. A group is the upload, by its YouTube id.

    Args:
        videos: the folder of the videos.
        split_file: of one split.
        report_missing: called once with videos missing and videos listed.

    Raises:
        SplitError: the file can't be read or isn't as it should be, or none of its videos is there.
    """
    lines = _read_lines(split_file, "train.csv of Kinetics-400")
    try:
        listed = _parse_kinetics(split_file, lines)
    except csv.Error as error:
        raise SplitError(f"{split_file} is no CSV ({error}); give train.csv of Kinetics-400") from error
    found = _files_by_stem(videos, ".mp4", ".mkv", ".webm")
    items = [Item(found[stem], label, youtube_id) for stem, label, youtube_id in listed if stem in found]
    if not items:
        raise SplitError(
            f"none of the {len(listed)} videos of {split_file} is in {videos} or the folders right below it; "
            f"they must be named like {listed[0][0]}.mp4"
        )
    if report_missing is not None:
        report_missing(len(listed) - len(items), len(listed))
    return items


def check_disjoint(train: Sequence[Item], test: Sequence[Item]) -> None:
    """Refuse splits that share a group: a network could know a test video by its source.

    Raises:
        SplitError: names a group on both sides, with a video of each.
    """
    trained = {item.group: item for item in train if item.group is not None}
    for item in test:
        if item.group in trained:
            raise SplitError(
                f"group {item.group} is both trained and tested on ({trained[item.group].path}, {item.path}); "
                "split by group, never by clip"
            )


def _read_lines(split_file: Path, example: str) -> list[str]:
    """The lines of a file that isn't empty, whatever ends them."""
    try:
        lines = split_file.read_text(encoding="utf-8-sig").split("\n")
    except OSError as error:
        raise SplitError(f"{split_file}: {(error.strerror or str(error)).lower()}; give {example}") from error
    except UnicodeDecodeError as error:
        raise SplitError(f"{split_file} is no text in UTF-8 ({error}); give {example}") from error
    if not any(line.strip() for line in lines):
        raise SplitError(f"{split_file} is empty; give {example}")
    return lines


def _parse_ucf101(split_file: Path, number: int, line: str) -> re.Match[str]:
    match = _UCF101_LINE.fullmatch(line.strip())
    if match is None:
        expected = "CLASS/v_CLASS_gNN_cNN.avi, alone or with a class number"
        raise SplitError(f"{split_file} line {number}: must be {expected}, not {line.strip()!r}")
    return match


def _parse_kinetics(split_file: Path, lines: Sequence[str]) -> list[tuple[str, str, str]]:
    """Stem, label and YouTube id of each video."""
    if _UCF101_LINE.fullmatch(lines[0].strip()):
        raise SplitError(f"{split_file} is of UCF101; give a split file of Kinetics-400, such as train.csv")
    reader = csv.DictReader(lines)
    if not set(_KINETICS_COLUMNS) <= set(reader.fieldnames or []):
        raise SplitError(f"{split_file} line 1: must have the columns {','.join(_KINETICS_COLUMNS)}, not {lines[0]!r}")
    listed, splits = [], set()
    for row in reader:
        label, youtube_id, start, end, split = ((row[column] or "").strip() for column in _KINETICS_COLUMNS)
        if not (label and split and _KINETICS_CLIP.fullmatch(f"{youtube_id},{start},{end}")):
            expected = f"{','.join(_KINETICS_COLUMNS)} with an id of 11 characters and whole seconds"
            line = lines[reader.line_num - 1]
            raise SplitError(f"{split_file} line {reader.line_num}: must be {expected}, not {line!r}")
        listed.append((f"{youtube_id}_{int(start):06d}_{int(end):06d}", label, youtube_id))
        splits.add(split)
    if not listed:
        raise SplitError(f"{split_file} lists no videos; give train.csv of Kinetics-400")
    if len(splits) > 1:
        raise SplitError(f"{split_file} mixes the splits {', '.join(sorted(splits))}; give a file of one of them")
    return listed


def _files_by_stem(videos: Path, *suffixes: str) -> dict[str, Path]:
    """The files of these suffixes in a folder and right below it; of several with one stem, the first by name."""

    def refuse(error: OSError) -> None:
        raise SplitError(in_words(error)) from error

    found: dict[str, Path] = {}
    for root, folders, files in os.walk(videos, onerror=refuse, followlinks=True):
        folders[:] = sorted(folders) if Path(root) == videos else []
        for name in sorted(files):
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a Path for each of 240,000 files is slow
            if suffix.lower() in suffixes:
                found.setdefault(stem, Path(root, name))
    return found
