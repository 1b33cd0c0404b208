"""The report on recognition as a page of Markdown."""

from app.report.recognition import Recognition, RecognitionRow
from app.report.tables import cell, table
from app.report.text import interval, judgement, percent, points, probability
from app.report.verdict import recognition_verdict


def to_markdown(recognition: Recognition) -> str:
    """The report as a page of Markdown."""
    report = recognition.judged.report
    header = ["", "top-1", "top-5", "mean of classes", "between seeds"]
    rows = [_result(row) for row in recognition.shown]
    rows.append(["chance", *map(percent, report.chance.values()), "", ""])
    rows.append(["always the most frequent class", percent(report.constant), "", "", ""])
    parts = [
        f"# How well {cell(recognition.encoder)} lets the classes of {cell(recognition.manifest)} be recognised",
        f"**{cell(recognition_verdict(recognition))}**",
        table(header, rows),
        "In brackets, the 95 % bootstrap interval; between seeds, the standard deviation of top-1, in points.",
        "## Is the difference real?",
        _leads(recognition),
        "## Top-1 of each class, worst first",
        _classes(recognition),
        f"## Files that failed: {len(recognition.failed)}",
        "\n".join(f"- {cell(one.path)}: {cell(one.reason)}" for one in recognition.failed) or "None.",
        "## How this was made",
        _making(recognition),
    ]
    return "\n\n".join(parts) + "\n"


def _result(row: RecognitionRow) -> list[str]:
    report = row.report
    tops = [f"{percent(value)} {interval(report.intervals[k])}" for k, value in report.top.items()]
    spread = "" if report.spread is None else f"{100 * report.spread:.1f}"
    return [row.name, *tops, percent(report.mean_class), spread]


def _leads(recognition: Recognition) -> str:
    judged = recognition.judged.name
    rows = [
        [row.name, points(row.lead), probability(row.lead.p), judgement(row.lead)]
        for row in recognition.beside
        if row.lead is not None
    ]
    header = [f"{judged} minus", "top-1, points", "p", f"{judged} is"]
    return (
        table(header, rows)
        + "\n\nIn percentage points; paired bootstrap over the same videos; in brackets, the 95 % interval."
    )


def _classes(recognition: Recognition) -> str:
    report, best = recognition.judged.report, recognition.best_beside
    rows = [
        [
            label,
            str(report.videos_per_class[label]),
            percent(report.per_class[label]),
            percent(best.report.per_class[label]),
        ]
        for label in sorted(report.per_class, key=lambda label: (report.per_class[label], label))
    ]
    return table(["class", "videos", recognition.judged.name, best.name], rows)


def _making(recognition: Recognition) -> str:
    report = recognition.judged.report
    versions = ", ".join(f"{package} {version}" for package, version in recognition.versions.items())
    return "\n".join(
        [
            f"- Protocol: {cell(recognition.protocol)} {recognition.untested} more are left out, as no video to learn "
            "from has their class.",
            f"- Method: {cell(recognition.method)}",
            f"- {report.videos} videos of {len(report.predictions.classes)} classes; {recognition.seeds} seeds",
            f"- Encoder: {cell(recognition.encoder)}, fingerprint {cell(recognition.fingerprint)}",
            f"- Versions: {cell(versions)}",
            f"- Made {recognition.date:%Y-%m-%d %H:%M %Z}, the last run took {recognition.seconds:.1f} s.",
            "",
            f"```sh\n{recognition.command}\n```",
        ]
    )
