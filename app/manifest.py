"""Manifests: CSV files that say which videos to evaluate on, and what is seen in them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from encoder.errors import WorldError


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
        """Which rows search which, in a sentence."""
        if self.rows[0].split:
            return "Each row of split `query` searches the rows of split `gallery`."
        if self.rows[0].group:
            return "Each row searches all others but those of its own group (leave one group out)."
        return "Each row searches all others."


def read_manifest(path: Path) -> Manifest:
    """Read a CSV with the header path,label[,group][,split]; relative paths are relative to the CSV.

    Raises:
        ManifestError: it can't be read, or a line is not as it should be.
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
    return Manifest(path, [row for _, row in rows])


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
