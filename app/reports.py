"""Reports of evaluations, kept in a folder; each has an id, by which alone a browser can ask for it."""

import json
import re
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from app.report.evaluation import Evaluation
from app.report.pictures import Thumbnails

FILES = {"report.html": "text/html", "report.json": "application/json", "queries.csv": "text/csv"}  # served, as what
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{16}")
_KEPT = 30


@dataclass(frozen=True)
class KeptReport:
    """What is said of a report in a list."""

    id: str
    written: datetime  # UTC
    manifest: str
    encoders: list[str]  # the judged one first
    recall_at_1: float


class Reports:
    """The newest reports of a folder."""

    def __init__(self, folder: Path, kept: int = _KEPT) -> None:
        self._folder, self._kept = folder, kept

    def add(self, evaluation: Evaluation, pictures: Thumbnails) -> str:
        """Write a report, drop the oldest if there are too many, and return its id.

        Raises:
            OSError: the folder can't be written.
        """
        from app.report.write import write_report  # it draws plots, which take long to load

        report_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(8)}"
        draft = self._folder / f".{report_id}"
        try:
            write_report(evaluation, pictures, draft)
            draft.rename(self._folder / report_id)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        for old in self._ids()[self._kept :]:
            shutil.rmtree(self._folder / old, ignore_errors=True)
        return report_id

    def listed(self) -> list[KeptReport]:
        """All reports, the newest first."""
        return [kept for report_id in self._ids() if (kept := self._read(report_id))]

    def file(self, report_id: str, name: str) -> Path | None:
        """A file of a report; None if there is no such report or file."""
        if not _ID.fullmatch(report_id) or name not in FILES:
            return None
        path = self._folder / report_id / name
        return path if path.is_file() else None

    def _ids(self) -> list[str]:
        if not self._folder.is_dir():
            return []
        return sorted((path.name for path in self._folder.iterdir() if _ID.fullmatch(path.name)), reverse=True)

    def _read(self, report_id: str) -> KeptReport | None:
        try:
            found = json.loads((self._folder / report_id / "report.json").read_text())
            return KeptReport(
                report_id,
                datetime.strptime(report_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC),
                found["manifest"],
                [found["encoder"], *(other["name"] for other in found["encoders"])],
                found["recall"]["1"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None  # deleted meanwhile, or of another version: nothing to show
