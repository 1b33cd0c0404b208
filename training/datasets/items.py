"""What a split lists, found among the files of a folder; and whether two splits share a source."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoder.errors import WorldError, in_words

_SUFFIXES = (".avi", ".mkv", ".mp4", ".webm")
_SHOWN = 3  # names in a sentence


class SplitError(WorldError):
    """A split file that can't be used, or videos that don't match it, in one sentence."""


@dataclass(frozen=True)
class Item:
    """One video of a split."""

    path: Path
    label: str
    group: str | None  # the source: clips of one group may not lie on both sides of a split


@dataclass(frozen=True)
class Listed:
    """The videos of a split file, in its order."""

    items: list[Item]  # that are there
    missing: list[str]  # names of the others, without suffix


def find_listed(videos: Path, split: Path, listed: Iterable[tuple[str, str, str | None]]) -> Listed:
    """Find (name, label, group) of a split among the videos of a folder, whatever their suffix.

    Raises:
        SplitError: the folder can't be read, or none of the videos is there.
    """
    rows, files = list(listed), _files_by_stem(videos)
    items = [Item(files[name], label, group) for name, label, group in rows if name in files]
    if not items:
        raise SplitError(
            f"none of the {len(rows)} videos of {split} is in {videos} or the folders right below it; "
            f"they must be named like {rows[0][0]}.mp4"
        )
    return Listed(items, [name for name, _, _ in rows if name not in files])


def require_all(listed: Listed, videos: Path, split: Path) -> list[Item]:
    """The items of a set that is complete.

    Raises:
        SplitError: some are missing, of which it names the first.
    """
    if listed.missing:
        total = len(listed.items) + len(listed.missing)
        raise SplitError(
            f"{len(listed.missing)} of {total} videos of {split} are missing in {videos}: {some(listed.missing)}; "
            "give the folder of all the videos of the set"
        )
    return listed.items


def check_disjoint(train: Sequence[Item], test: Sequence[Item]) -> None:
    """Refuse splits that share a group: a network could know a test video by its source.

    Raises:
        SplitError: names groups on both sides, with a video of each.
    """
    trained = {item.group: item.path for item in train if item.group is not None}
    tested = {item.group: item.path for item in test if item.group is not None}
    shared = [f"{group} ({trained[group]}, {path})" for group, path in tested.items() if group in trained]
    if shared:
        raise SplitError(
            f"{len(shared)} groups are both trained and tested on: {some(shared)}; split by group, never by clip"
        )


def some(names: Sequence[str]) -> str:
    """The first few names."""
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def read_text(split: Path, example: str) -> str:
    """A file of text that isn't empty; `example` says which file should be given.

    Raises:
        SplitError: it can't be read.
    """
    try:
        text = split.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SplitError(f"{split}: {(error.strerror or str(error)).lower()}; give {example}") from error
    except UnicodeDecodeError as error:
        raise SplitError(f"{split} is no text in UTF-8 ({error}); give {example}") from error
    if not text.strip():
        raise SplitError(f"{split} is empty; give {example}")
    return text


def read_json(split: Path, example: str) -> Any:
    """What a JSON file holds.

    Raises:
        SplitError: it can't be read, or isn't JSON.
    """
    try:
        return json.loads(read_text(split, example))
    except json.JSONDecodeError as error:
        raise SplitError(f"{split} is no JSON ({error}); give {example}") from error


def read_entries(split: Path, example: str, **columns: type) -> list[dict[str, Any]]:
    """The entries of a JSON list of objects, each with these columns of these types, and maybe more.

    Raises:
        SplitError: it is not so; names the first entry that is wrong.
    """
    entries = read_json(split, example)
    if not isinstance(entries, list) or not entries:
        raise SplitError(f"{split} must be a list of videos; give {example}")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict) or any(type(entry.get(name)) is not kind for name, kind in columns.items()):
            expected = ", ".join(f"{name} ({kind.__name__})" for name, kind in columns.items())
            raise SplitError(f"{split} entry {number}: must have {expected}, not {json.dumps(entry)}")
    return entries


def _files_by_stem(videos: Path) -> dict[str, Path]:
    """The videos in a folder and right below it; of several with one stem, the first by name."""

    def refuse(error: OSError) -> None:
        raise SplitError(in_words(error)) from error

    found: dict[str, Path] = {}
    for root, folders, files in os.walk(videos, onerror=refuse, followlinks=True):
        folders[:] = sorted(folders) if Path(root) == videos else []
        for name in sorted(files):
            stem, suffix = os.path.splitext(name)  # noqa: PTH122 - a Path for each of 240,000 files is slow
            if suffix.lower() in _SUFFIXES:
                found.setdefault(stem, Path(root, name))
    return found
