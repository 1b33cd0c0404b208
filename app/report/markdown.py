"""The report as a page of Markdown, which shows recall.png from beside it."""

from app.report.evaluation import Evaluation, EvaluationRow
from app.report.tables import cell, table
from app.report.text import interval, judgement, percent, points, probability
from app.report.verdict import verdict


def to_markdown(evaluation: Evaluation) -> str:
    """The report as a page of Markdown that shows recall.png from beside it."""
    parts = [
        f"# How well {cell(evaluation.encoder)} finds the videos of {cell(evaluation.manifest)}",
        f"**{cell(verdict(evaluation))}**",
        _results(evaluation),
        "![R@k of the encoder, the trivial baselines and chance](recall.png)",
        "## Is the difference real?",
        _leads(evaluation),
        "## R@1 of each class, worst first",
        _classes(evaluation),
        "## How clips are looked up",
        _lookups(evaluation),
        f"## Files that failed: {len(evaluation.failed)}",
        "\n".join(f"- {cell(one.path)}: {cell(one.reason)}" for one in evaluation.failed) or "None.",
        "## How this was made",
        _making(evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def _results(evaluation: Evaluation) -> str:
    report = evaluation.judged.report
    rows = [_result(row) for row in evaluation.shown]
    rows.append(["chance", *map(percent, report.chance_recall.values()), percent(report.chance_map)])
    header = ["", *(f"R@{k}" for k in report.recall), "mAP"]
    return (
        table(header, rows)
        + "\n\nR@k: the share of queries with a right answer, of their own class, among the first k; mAP: how well "
        "the whole list is sorted. In brackets, the 95 % bootstrap interval of R@1. Centred features need to know all "
        "videos beforehand: for comparison only."
    )


def _result(row: EvaluationRow) -> list[str]:
    first, *others = map(percent, row.report.recall.values())
    return [row.name, f"{first} {interval(row.report.recall_at_1_interval)}", *others, percent(row.report.map)]


def _leads(evaluation: Evaluation) -> str:
    header = ["encoder minus", "R@1, points", "p", "mAP, points", "p", "on R@1 the encoder is"]
    rows = [
        [
            row.name,
            points(row.lead.recall_at_1),
            probability(row.lead.recall_at_1.p),
            points(row.lead.map),
            probability(row.lead.map.p),
            judgement(row.lead.recall_at_1),
        ]
        for row in evaluation.shown
        if row.lead is not None
    ]
    return (
        table(header, rows)
        + "\n\nIn percentage points; paired bootstrap over the same queries; in brackets, the 95 % interval."
    )


def _classes(evaluation: Evaluation) -> str:
    report = evaluation.judged.report
    worst_first = sorted(report.per_class, key=lambda label: (report.per_class[label], label))
    columns = [row for row in (evaluation.judged, evaluation.best_baseline) if row]
    rows = [
        [
            label,
            str(report.queries_per_class[label]),
            *(percent(row.report.per_class[label]) for row in columns),
        ]
        for label in worst_first
    ]
    return table(["class", "queries", *(row.name for row in columns)], rows)


def _lookups(evaluation: Evaluation) -> str:
    rows = [
        [lookups.compared, str(one.nearest), percent(one.recall), f"{one.p50_ms:.2f} ms", f"{one.p99_ms:.2f} ms"]
        for lookups in evaluation.lookups
        for one in lookups.measured
    ]
    first, used = evaluation.lookups[0].measured[0], next(one for one in evaluation.lookups if one.used)
    told = (
        f"{first.queries} look-ups, one at a time, among {first.vectors:,} clips of the videos that are searched. "
        "Recall@k: how many of the k nearest clips are found; p50, p99: half of the look-ups, and 99 of 100, take no "
        f"longer. A library of so many clips compares with {used.compared}."
    )
    return table(["compared with", "k", "recall@k", "p50", "p99"], rows) + f"\n\n{told}"


def _making(evaluation: Evaluation) -> str:
    report = evaluation.judged.report
    versions = ", ".join(f"{package} {version}" for package, version in evaluation.versions.items())
    others = ", ".join(f"{row.name}, fingerprint {row.fingerprint}" for row in evaluation.others) or "none"
    return "\n".join(
        [
            f"- Protocol: {cell(evaluation.protocol)}",
            f"- {evaluation.clips} videos of {evaluation.classes} classes; {report.queries} queries, each of "
            f"{report.gallery:.1f} candidates on average; {report.unanswerable} more are left out, as no "
            "candidate shares their class.",
            f"- Encoder: {cell(evaluation.encoder)}, fingerprint {cell(evaluation.fingerprint)}",
            f"- Further encoders: {cell(others)}",
            f"- Versions: {cell(versions)}; seed {evaluation.seed}",
            f"- Made {evaluation.date:%Y-%m-%d %H:%M %Z}, the last run took {evaluation.seconds:.1f} s.",
            "",
            f"```sh\n{evaluation.command}\n```",
        ]
    )
