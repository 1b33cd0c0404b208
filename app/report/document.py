"""An evaluation for programs: JSON, and a CSV of every query."""

import csv
import io
from dataclasses import asdict

from app.report.evaluation import Evaluation, EvaluationRow, Lookups
from app.report.verdict import verdict
from app.text import shown
from indexer.answers import confusion

Json = dict[str, object]

_COLUMNS = ["path", "label", "group", "rank", "first_answer", "first_label", "first_cosine"]


def to_json(evaluation: Evaluation) -> Json:
    """The result of `reelseek evaluate --json`: fractions in [0, 1], times in seconds."""
    times = {
        one.compared: {str(each.nearest): {"p50": each.p50_ms, "p99": each.p99_ms} for each in one.measured}
        for one in evaluation.lookups
    }
    return {**to_document(evaluation), "lookup_ms": times, "seconds": evaluation.seconds}


def to_document(evaluation: Evaluation) -> Json:
    """What report.json holds: all of `to_json` that is the same whenever the same is evaluated."""
    report = evaluation.judged.report
    names, counts = confusion(evaluation.answers, evaluation.labels)
    return {
        "verdict": verdict(evaluation),
        "encoder": evaluation.encoder,
        "fingerprint": evaluation.fingerprint,
        "manifest": evaluation.manifest,
        "protocol": evaluation.protocol,
        "clips": evaluation.clips,
        "classes": evaluation.classes,
        "queries": report.queries,
        "unanswerable": report.unanswerable,
        "gallery": report.gallery,
        **_numbers(evaluation.judged),
        "chance": report.chance,
        "per_class": report.per_class,
        "map_per_class": report.map_per_class,
        "queries_per_class": report.queries_per_class,
        "confusion": {"classes": names, "counts": counts.tolist()},
        "centred": _numbers(evaluation.centred),
        "encoders": [_compared(row) for row in evaluation.others],
        "baselines": [_compared(row) for row in evaluation.baselines],
        "lookups": [_lookups(one) for one in evaluation.lookups],
        "failed": [asdict(failed) for failed in evaluation.failed],
        "command": evaluation.command,
        "versions": dict(evaluation.versions),
        "seed": evaluation.seed,
    }


def to_csv(evaluation: Evaluation) -> str:
    """Each query with the rank of the first right answer (empty where there is none) and its first answer."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in evaluation.answers:
        query, first = evaluation.samples[one.row], evaluation.samples[one.best[0]]
        told = [shown(query.path), query.label, query.group, one.rank]
        writer.writerow([*told, shown(first.path), first.label, f"{one.cosines[0]:.4f}"])
    return text.getvalue()


def _lookups(lookups: Lookups) -> Json:
    first = lookups.measured[0]
    recall = {str(one.nearest): one.recall for one in lookups.measured}
    return {"compared": lookups.compared, "clips": first.vectors, "queries": first.queries, "recall": recall}


def _compared(row: EvaluationRow) -> Json:
    assert row.lead is not None
    known = {"fingerprint": row.fingerprint} if row.fingerprint else {}
    return {"name": row.name, **known, **_numbers(row), "lead": asdict(row.lead)}


def _numbers(row: EvaluationRow) -> Json:
    report = row.report
    return {
        "recall": {str(k): value for k, value in report.recall.items()},
        "map": report.map,
        "interval": list(report.recall_at_1_interval),
        "recall_intervals": {str(k): list(ends) for k, ends in report.recall_intervals.items()},
        "map_interval": list(report.map_interval),
    }
