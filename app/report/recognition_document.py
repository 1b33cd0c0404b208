"""A recognition for programs: JSON, and a CSV of every tested video."""

import csv
import io
from dataclasses import asdict

from app.report.document import Json
from app.report.recognition import Recognition, RecognitionRow
from app.report.verdict import recognition_verdict
from app.text import shown
from indexer.recognition import confusion

_COLUMNS = ["path", "label", "group", "named", "score", "rank"]


def to_json(recognition: Recognition) -> Json:
    """The result of `reelseek recognise --json`: fractions in [0, 1], times in seconds."""
    return {**to_document(recognition), "seconds": recognition.seconds}


def to_document(recognition: Recognition) -> Json:
    """What report.json holds: all of `to_json` that is the same whenever the same is measured."""
    report = recognition.judged.report
    return {
        "verdict": recognition_verdict(recognition),
        "encoder": recognition.encoder,
        "fingerprint": recognition.fingerprint,
        "manifest": recognition.manifest,
        "protocol": recognition.protocol,
        "method": recognition.method,
        "videos": report.videos,
        "classes": len(report.predictions.classes),
        "folds": recognition.folds,
        "seeds": recognition.seeds,
        "untested": recognition.untested,
        **_numbers(recognition.judged),
        "chance": {str(k): value for k, value in report.chance.items()},
        "constant": report.constant,
        "per_class": report.per_class,
        "videos_per_class": report.videos_per_class,
        "confusion": {"classes": report.predictions.classes, "counts": confusion(report.predictions).tolist()},
        "beside": [_compared(row) for row in recognition.beside],
        "failed": [asdict(failed) for failed in recognition.failed],
        "command": recognition.command,
        "versions": dict(recognition.versions),
    }


def to_csv(recognition: Recognition) -> str:
    """Each tested video with the class it is named, the score of that, and the rank of the right one."""
    text, predictions = io.StringIO(), recognition.judged.report.predictions
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for place, sample in enumerate(recognition.samples):
        named = predictions.classes[predictions.named[place]], f"{predictions.confidence[place]:.4f}"
        writer.writerow([shown(sample.path), sample.label, sample.group, *named, predictions.rank[place]])
    return text.getvalue()


def _compared(row: RecognitionRow) -> Json:
    assert row.lead is not None
    return {"name": row.name, **_numbers(row), "lead": asdict(row.lead)}


def _numbers(row: RecognitionRow) -> Json:
    report = row.report
    return {
        "top": {str(k): value for k, value in report.top.items()},
        "intervals": {str(k): list(ends) for k, ends in report.intervals.items()},
        "by_seed": list(report.by_seed),
        "spread": report.spread,
        "mean_class": report.mean_class,
    }
