"""Manifests: CSV files that say which videos to evaluate on, and what is seen in them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from encoder.errors import WorldError
from encoder.whole import write_whole

_SHOWN = 3  # names in a sentence


class ManifestError(WorldError):
    """A manifest that can't be used, in one sentence that names the line."""


@dataclass(frozen=True)
class ManifestRow:
    """One video."""

    path: Path  # absolute
    label: str
    group: str | None = None  # subject, source or recording: rows of one group don't answer for each other
    split: str | None = None  # "query" or "gallery"


@dataclass(frozen=True)
class Manifest:
    """A set of labelled videos."""

    path: Path
    rows: Sequence[ManifestRow]

    @property
    def protocol(self) -> str:
        """Which videos search which, in a sentence."""
        if self.rows[0].split:
            return "Each video of split `query` searches those of split `gallery`."
        if self.rows[0].group:
            return (
                "Each video searches all others but those of its own group, such as the person or the recording that "
                "they share (leave one group out)."
            )
        return "Each video searches all others."


def read_manifest(path: Path) -> Manifest:
    """Read a CSV with the header path,label[,group][,split]; relative paths are relative to the CSV.

    Raises:
        ManifestError: it can't be read, a line is not as it should be, or a group is both query and gallery.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if not {"path", "label"} <= set(columns):
                raise ManifestError(f"{path} is no manifest: its first line must be path,label[,group][,split]")
            rows = [(reader.line_num, _row(path, reader.line_num, cells, columns)) for cells in reader]
    except OSError as error:
        raise ManifestError(f"{path}: {(error.strerror or str(error)).lower()}; give a manifest CSV") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path} is no CSV in UTF-8 ({error})") from error
    if not rows:
        raise ManifestError(f"{path} lists no videos; add lines of path,label")
    first: dict[Path, int] = {}
    for line, row in rows:
        if first.setdefault(row.path, line) != line:
            raise ManifestError(f"{path} lists {row.path} twice (lines {first[row.path]} and {line})")
    _check_groups(path, rows)
    return Manifest(path, [row for _, row in rows])


def write_manifest(path: Path, rows: Sequence[ManifestRow]) -> None:
    """Write a manifest, whole or not at all, with the columns that its rows have."""
    columns = [name for name in ("path", "label", "group", "split") if getattr(rows[0], name) is not None]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([getattr(row, name) for name in columns] for row in rows)
    write_whole(path, text.getvalue().encode())


def _check_groups(manifest: Path, rows: Sequence[tuple[int, ManifestRow]]) -> None:
    """Refuse a group on both sides of a split: a video would be found by its source, not by what it shows."""
    sides: dict[str, dict[str, int]] = {"query": {}, "gallery": {}}
    for line, row in rows:
        if row.group is not None and row.split is not None:
            sides[row.split].setdefault(row.group, line)
    shared = [f"{group} (lines {line}, {sides['gallery'][group]})" for group, line in sides["query"].items()
              if group in sides["gallery"]]  # fmt: skip
    if shared:
        raise ManifestError(
            f"{manifest} has {len(shared)} groups both as query and as gallery: {', '.join(shared[:_SHOWN])}"
            f"{', ...' if len(shared) > _SHOWN else ''}; split by group, or drop the column to measure all the same"
        )


def _row(manifest: Path, line: int, cells: dict[str, str | None], columns: Sequence[str]) -> ManifestRow:
    values = {name: (cells.get(name) or "").strip() for name in ("path", "label", "group", "split")}
    for name in columns:
        if name in values and not values[name]:
            raise ManifestError(f"{manifest} line {line}: {name} is empty")
    if "\0" in values["path"]:
        raise ManifestError(f"{manifest} line {line}: a path can't hold a zero byte")
    if "split" in columns and values["split"] not in ("query", "gallery"):
        raise ManifestError(f"{manifest} line {line}: split must be query or gallery, not {values['split']!r}")
    video = (manifest.parent / values["path"]).resolve()
    return ManifestRow(video, values["label"], values["group"] or None, values["split"] or None)
