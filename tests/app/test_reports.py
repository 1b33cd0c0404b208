import json

import pytest

import app.report.write
from app import reports
from app.reports import Reports


@pytest.fixture
def written(monkeypatch):
    """Reports are written without an evaluation."""

    def write(evaluation, pictures, folder):
        folder.mkdir(parents=True)
        found = {"manifest": evaluation, "encoder": "a", "encoders": [{"name": "b"}], "recall": {"1": 0.5}}
        (folder / "report.json").write_text(json.dumps(found))
        (folder / "report.html").write_text("<p>")

    monkeypatch.setattr(app.report.write, "write_report", write)


def test_reports_are_listed_newest_first_and_the_oldest_make_room(tmp_path, written, monkeypatch):
    class Clock(reports.datetime):
        minute = 0

        @classmethod
        def now(cls, zone):
            cls.minute += 1
            return reports.datetime(2026, 1, 1, 0, cls.minute, tzinfo=zone)

    monkeypatch.setattr(reports, "datetime", Clock)
    kept = Reports(tmp_path / "reports", kept=2)
    ids = [kept.add(name, {}) for name in ("one", "two", "three")]
    assert [(one.id, one.manifest) for one in kept.listed()] == [(ids[2], "three"), (ids[1], "two")]
    assert kept.listed()[0].encoders == ["a", "b"]
    assert kept.listed()[0].written.minute == 3
    assert kept.file(ids[0], "report.html") is None
    assert kept.file(ids[1], "report.html").read_text() == "<p>"


def test_a_report_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    def write(evaluation, pictures, folder):
        folder.mkdir(parents=True)
        raise OSError("no space")

    monkeypatch.setattr(app.report.write, "write_report", write)
    with pytest.raises(OSError, match="no space"):
        Reports(tmp_path).add(None, {})
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_report_is_passed_over(tmp_path, written):
    kept = Reports(tmp_path)
    report_id = kept.add("one", {})
    (tmp_path / report_id / "report.json").write_text("{")
    assert kept.listed() == []
    assert Reports(tmp_path / "none").listed() == []
