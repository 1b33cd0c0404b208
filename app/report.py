"""What an evaluation found, for people (report.md with recall.png) and for programs (report.json)."""

import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, StrMethodFormatter

from indexer.evaluation import RetrievalReport
from indexer.update import Failure

Json = dict[str, object]

_INK, _GREY, _FAINT = "#1a1a1a", "#6b6b6b", "#e4e4e4"
_ENCODER = "#0b5cad"
_MUTED = ("#b5835a", "#6f9a76", "#96799f", "#b3a13c")
_NAME_LENGTH = 28  # characters, the last ones of a longer name
_LABEL_GAP = 0.055  # of the height of the plot, between the middles of two names


@dataclass(frozen=True)
class EvaluationRow:
    """One way to make embeddings of the manifest's clips, and how well they retrieve."""

    name: str
    report: RetrievalReport
    is_encoder: bool  # else a trivial baseline

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError(f"a row needs a name, got {self.name=}")


@dataclass(frozen=True)
class Evaluation:
    """All that a report says. The first encoder row is the one judged; others are shown beside it."""

    manifest: str
    protocol: str  # one sentence: which rows searched which
    encoder: str
    fingerprint: str
    rows: Sequence[EvaluationRow]
    failed: Sequence[Failure]
    clips: int  # evaluated
    classes: int
    seconds: float  # the whole evaluation, decoding included
    command: str
    versions: Mapping[str, str]  # package -> version

    def __post_init__(self) -> None:
        if not any(row.is_encoder for row in self.rows):
            raise ValueError(f"an evaluation needs a row of the encoder, got {[row.name for row in self.rows]}")
        measured = {(tuple(row.report.recall), row.report.queries, row.report.gallery) for row in self.rows}
        if len(measured) > 1:
            raise ValueError(f"all rows must be measured on the same queries, gallery and depths, got {measured}")

    @property
    def judged(self) -> EvaluationRow:
        """The row of the encoder."""
        return next(row for row in self.rows if row.is_encoder)

    @property
    def baselines(self) -> list[EvaluationRow]:
        """The rows of trivial features, in the order given."""
        return [row for row in self.rows if not row.is_encoder]


def verdict(evaluation: Evaluation) -> str:
    """Whether the encoder beats each trivial baseline, and chance, on R@1, in words.

    A difference is called noise where the 95 % intervals overlap. That is cautious: both rows are measured on
    the same queries, so a smaller difference can be real.
    """
    report = evaluation.judged.report
    low, high = report.recall_at_1_interval
    told = "worse than" if high < report.chance else "not told apart from"
    told = "better than" if low > report.chance else told
    found = (
        f"The encoder finds the right class first for {_percent(report.recall[1])} of queries (95 % interval "
        f"{_percent(low)} to {_percent(high)}), which is {told} chance ({_percent(report.chance)})."
    )
    return " ".join([*_comparisons(report, evaluation.baselines), found])


def to_json(evaluation: Evaluation) -> Json:
    """The result of `reelseek evaluate --json`: fractions in [0, 1], times in seconds."""
    report = evaluation.judged.report
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
        "baselines": [{"name": row.name, **_numbers(row)} for row in evaluation.baselines],
        "failed": [asdict(failed) for failed in evaluation.failed],
        "seconds": evaluation.seconds,
        "command": evaluation.command,
        "versions": dict(evaluation.versions),
    }


def write_report(evaluation: Evaluation, folder: Path) -> Path:
    """Write recall.png, report.json and report.md, each whole or not at all, to a folder made if missing.

    Returns:
        The path of report.md.
    """
    folder.mkdir(parents=True, exist_ok=True)
    picture = io.BytesIO()
    draw_recall(evaluation).savefig(picture, format="png", dpi=150)
    _replace(folder / "recall.png", picture.getvalue())
    _replace(folder / "report.json", json.dumps(to_json(evaluation), indent=2, ensure_ascii=False).encode())
    _replace(folder / "report.md", to_markdown(evaluation).encode())
    return folder / "report.md"


def to_markdown(evaluation: Evaluation) -> str:
    """The report as a page of Markdown that shows recall.png from beside it."""
    parts = [
        f"# How well {_cell(evaluation.encoder)} finds the clips of {_cell(evaluation.manifest)}",
        f"**{_cell(verdict(evaluation))}**",
        _results(evaluation),
        "![R@k of the encoder, the trivial baselines and chance](recall.png)",
        "## R@1 of each class, worst first",
        _classes(evaluation),
        f"## Files that failed: {len(evaluation.failed)}",
        "\n".join(f"- {_cell(one.path)}: {_cell(one.reason)}" for one in evaluation.failed) or "None.",
        "## How this was made",
        _making(evaluation),
    ]
    return "\n\n".join(parts) + "\n"


def draw_recall(evaluation: Evaluation) -> Figure:
    """R@k against k for every row and chance, named at the ends of the lines; safe in any thread."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    depths = sorted(evaluation.judged.report.recall)
    lines = _lines(evaluation)
    for line in lines:
        axes.plot(depths, [line.recall[k] for k in depths], line.stroke, color=line.colour, lw=line.width, ms=5)
    _draw_interval(axes, evaluation.judged.report)
    _dress(axes, depths)
    named = sorted(lines, key=lambda line: (line.recall[depths[-1]], line.recall[1]))
    for line, height in zip(named, _spread([line.recall[depths[-1]] for line in named]), strict=True):
        _draw_name(axes, line, depths[-1], height)
    return figure


def _comparisons(report: RetrievalReport, baselines: Sequence[EvaluationRow]) -> list[str]:
    """What beats the encoder and what is level with it, a sentence each, then all that it beats."""
    if not baselines:
        return ["No trivial baseline was measured."]
    low, high = report.recall_at_1_interval
    ranked = sorted(baselines, key=lambda row: -row.report.recall[1])
    above = [row for row in ranked if row.report.recall_at_1_interval[0] > high]
    below = [row for row in ranked if row.report.recall_at_1_interval[1] < low]
    level = [row for row in ranked if row not in above and row not in below]
    gaps = {row.name: 100 * (report.recall[1] - row.report.recall[1]) for row in ranked}
    sentences = [_ahead(row.name, -gaps[row.name]) for row in above]
    sentences += [_level(row.name, gaps[row.name]) for row in level]
    if below:
        beaten = _listed([f"{row.name} by {gaps[row.name]:.1f} points" for row in below])
        every = len(below) == len(ranked)
        opening = "The encoder beats every trivial baseline on R@1:" if every else "On R@1 the encoder beats"
        sentences.append(f"{opening} {beaten}.")
    return sentences


def _ahead(name: str, gap: float) -> str:
    return f"{name[0].upper()}{name[1:]} beats the encoder on R@1 by {gap:.1f} points."


def _level(name: str, gap: float) -> str:
    size = f"{abs(gap):.1f} points"
    where = f"{size} {'above' if gap > 0 else 'below'}" if round(abs(gap), 1) else "level with"
    return f"On R@1 the encoder is {where} {name}, within the noise: their 95 % intervals overlap."


def _listed(items: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _numbers(row: EvaluationRow) -> Json:
    return {
        "recall": {str(k): value for k, value in row.report.recall.items()},
        "map": row.report.map,
        "interval": list(row.report.recall_at_1_interval),
    }


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _cell(text: str) -> str:
    """One line that breaks no table, no code and no HTML."""
    plain = " ".join(text.split()).replace("`", "'")
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: text in the first column, numbers in the others."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    lines = [map(_cell, header), rule, *(map(_cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _results(evaluation: Evaluation) -> str:
    report = evaluation.judged.report
    rows = [_result(row) for row in evaluation.rows]
    rows.append(["chance", *map(_percent, report.chance_recall.values()), _percent(report.chance_map)])
    header = ["", *(f"R@{k}" for k in report.recall), "mAP"]
    return (
        _table(header, rows) + "\n\nR@k: a hit if any of the top k clips shares the class of the query. In brackets, "
        "the 95 % bootstrap interval of R@1."
    )


def _result(row: EvaluationRow) -> list[str]:
    low, high = (100 * end for end in row.report.recall_at_1_interval)
    first, *others = map(_percent, row.report.recall.values())
    return [row.name, f"{first} [{low:.1f}, {high:.1f}]", *others, _percent(row.report.map)]


def _classes(evaluation: Evaluation) -> str:
    report = evaluation.judged.report
    best = sorted(evaluation.baselines, key=lambda row: -row.report.recall[1])[:1]
    worst_first = sorted(report.per_class, key=lambda label: (report.per_class[label], label))
    columns = [evaluation.judged, *best]
    rows = [
        [
            label,
            str(report.queries_per_class[label]),
            *(_percent(row.report.per_class[label]) for row in columns),
        ]
        for label in worst_first
    ]
    return _table(["class", "queries", *(row.name for row in columns)], rows)


def _making(evaluation: Evaluation) -> str:
    report = evaluation.judged.report
    versions = ", ".join(f"{package} {version}" for package, version in evaluation.versions.items())
    return "\n".join(
        [
            f"- Protocol: {_cell(evaluation.protocol)}",
            f"- {evaluation.clips} clips of {evaluation.classes} classes; {report.queries} queries, each of "
            f"{report.gallery:.1f} candidates on average; {report.unanswerable} more are left out, as no "
            "candidate shares their class.",
            f"- Encoder: {_cell(evaluation.encoder)}, fingerprint {_cell(evaluation.fingerprint)}",
            f"- Versions: {_cell(versions)}",
            f"- It took {evaluation.seconds:.1f} s.",
            "",
            f"```sh\n{evaluation.command}\n```",
        ]
    )


class _Line(NamedTuple):
    name: str
    recall: Mapping[int, float]
    stroke: str
    colour: str
    width: float  # points


def _lines(evaluation: Evaluation) -> list[_Line]:
    """Chance first and the judged encoder last, so that it lies on top."""
    judged, hues = evaluation.judged, cycle(_MUTED)
    lines = [_Line("chance", judged.report.chance_recall, "--", _GREY, 1.2)]
    for row in evaluation.rows:
        if not row.is_encoder:
            lines.append(_Line(row.name, row.report.recall, "o-", next(hues), 1.6))
        elif row is not judged:
            lines.append(_Line(row.name, row.report.recall, "o:", _ENCODER, 1.6))
    return [*lines, _Line(judged.name, judged.report.recall, "o-", _ENCODER, 3)]


def _draw_interval(axes: Axes, report: RetrievalReport) -> None:
    axes.vlines(1, *report.recall_at_1_interval, color=_ENCODER, lw=6, alpha=0.25)


def _dress(axes: Axes, depths: Sequence[int]) -> None:
    axes.set(xscale="log", xlim=(0.9, depths[-1] * 1.1), ylim=(0, 1.03))
    axes.xaxis.set(major_locator=FixedLocator(depths), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_xlabel(
        "k, clips looked at (log scale); shaded: 95 % interval of the encoder's R@1", fontsize=11, color=_INK
    )
    axes.set_title("R@k: queries with a right clip among the first k", loc="left", fontsize=13, color=_INK)
    axes.tick_params(labelsize=11, length=0, colors=_INK)
    axes.grid(axis="y", color=_FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _spread(heights: Sequence[float]) -> list[float]:
    """Rising heights moved apart to a readable distance, none above 1."""
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + _LABEL_GAP) if placed else height)
    ceilings = [1 - _LABEL_GAP * rank for rank in reversed(range(len(placed)))]
    return [min(height, ceiling) for height, ceiling in zip(placed, ceilings, strict=True)]


def _draw_name(axes: Axes, line: _Line, last: int, height: float) -> None:
    axes.annotate(
        line.name if len(line.name) <= _NAME_LENGTH else f"…{line.name[1 - _NAME_LENGTH :]}",
        (last, line.recall[last]),
        (last * 1.3, height),
        color=line.colour,
        fontsize=11,
        fontweight="bold" if line.width > 2 else "normal",
        va="center",
        arrowprops={"arrowstyle": "-", "color": line.colour, "lw": 0.7, "shrinkB": 5, "relpos": (0, 0.5)},
        annotation_clip=False,
        parse_math=False,  # a name may hold dollar signs
    )
