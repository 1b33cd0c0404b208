"""R@k as a picture: PNG for Markdown, SVG that follows the colours of the page for HTML."""

import io
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, StrMethodFormatter

from app.report.evaluation import Evaluation
from app.report.recognition import Recognition
from indexer.evaluation import RetrievalReport

INK, GREY, _FAINT = "#1a1a1a", "#6b6b6b", "#e4e4e4"
# Okabe & Ito 2008, Color Universal Design: told apart by the colour-blind, and by their marks in print
ENCODER = "#0072b2"
_OTHERS = (("#8c6bd1", "o"), ("#a68a00", "P"))  # not those of Okabe & Ito, which are all taken
_BASELINES = (("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D"), ("#e69f00", "v"))
_CSS = {INK: "var(--ink)", GREY: "var(--grey)", _FAINT: "var(--faint)", ENCODER: "var(--blue)"}
_RECALL_TITLE = "R@k: queries with a right answer among the first k"
_RECALL_LABEL = "k, answers looked at (log scale); shaded: 95 % interval of the encoder's R@1"
_NAME_LENGTH = 28  # characters, the last ones of a longer name
_LABEL_GAP = 0.055  # of the height of the plot, between the middles of two names


def draw_recall(evaluation: Evaluation) -> Figure:
    """R@k against k for every row and chance, named at the ends of the lines; safe in any thread."""
    figure = Figure(figsize=(8, 4.8), layout="constrained")
    axes = figure.add_subplot()
    depths = sorted(evaluation.judged.report.recall)
    lines = _lines(evaluation)
    for line in lines:
        axes.plot(depths, [line.recall[k] for k in depths], line.stroke, color=line.colour, lw=line.width, ms=5)
    _draw_interval(axes, evaluation.judged.report)
    axes.set_ylim(0, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    dress(axes, depths, _RECALL_TITLE, _RECALL_LABEL)
    named = sorted(lines, key=lambda line: (line.recall[depths[-1]], line.recall[1]))
    for line, height in zip(named, _spread([line.recall[depths[-1]] for line in named]), strict=True):
        _draw_name(axes, line, depths[-1], height)
    return figure


def recall_png(evaluation: Evaluation) -> bytes:
    """The plot on white."""
    picture = io.BytesIO()
    draw_recall(evaluation).savefig(picture, format="png", dpi=150)
    return picture.getvalue()


def recall_svg(evaluation: Evaluation) -> str:
    """The plot for the page."""
    return svg_of(draw_recall(evaluation))


def draw_top(recognition: Recognition) -> Figure:
    """Top-1 of every way with its 95 % interval, and chance; safe in any thread."""
    rows = recognition.shown[::-1]
    figure = Figure(figsize=(8, 1.1 + 0.42 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        judged = row is recognition.judged
        axes.plot(row.report.intervals[1], [place, place], color=ENCODER if judged else GREY, lw=3, alpha=0.5)
        axes.plot(row.report.top[1], place, "o", color=ENCODER if judged else GREY, ms=9)
    chance = recognition.judged.report.chance[1]
    axes.axvline(chance, color=GREY, ls=":", lw=1.5)
    axes.annotate("chance", (chance, len(rows) - 0.45), (5, 0), textcoords="offset points", color=GREY, fontsize=11)
    axes.set(xlim=(0, 1.02), ylim=(-0.6, len(rows) - 0.1))
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.set_title("Top-1 and its 95 % interval", loc="left", fontsize=13, color=INK)
    axes.tick_params(labelsize=11, length=0, colors=INK)
    axes.grid(axis="x", color=_FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    return figure


def top_svg(recognition: Recognition) -> str:
    """The same for the page on recognition."""
    return svg_of(draw_top(recognition))


def svg_of(figure: Figure) -> str:
    """A plot as an element for a page that defines the colours --ink, --grey, --faint and --blue."""
    picture = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "reelseek"}):
        figure.savefig(picture, format="svg", transparent=True, metadata={"Date": None})
    svg = picture.getvalue()
    svg = svg[svg.index("<svg") :]  # without the declarations of a file
    for fixed, variable in _CSS.items():
        svg = svg.replace(fixed, variable)
    return svg


class _Line(NamedTuple):
    name: str
    recall: Mapping[int, float]
    stroke: str
    colour: str
    width: float  # points


def _lines(evaluation: Evaluation) -> list[_Line]:
    """Chance first and the judged encoder last, so that it lies on top."""
    judged = evaluation.judged
    lines = [_Line("chance", judged.report.chance_recall, "--", GREY, 1.2)]
    for row, (colour, mark) in zip(evaluation.baselines, cycle(_BASELINES), strict=False):
        lines.append(_Line(row.name, row.report.recall, f"{mark}-", colour, 1.6))
    for row, (colour, mark) in zip(evaluation.others, cycle(_OTHERS), strict=False):
        lines.append(_Line(row.name, row.report.recall, f"{mark}:", colour, 2))
    return [*lines, _Line(judged.name, judged.report.recall, "o-", ENCODER, 3)]


def _draw_interval(axes: Axes, report: RetrievalReport) -> None:
    axes.vlines(1, *report.recall_at_1_interval, color=ENCODER, lw=6, alpha=0.25)


def dress(axes: Axes, depths: Sequence[int], title: str, label: str) -> None:
    """Lay out a plot against k, which is at some depths, in the colours of the page."""
    axes.set(xscale="log", xlim=(0.9 * depths[0], depths[-1] * 1.1))
    axes.xaxis.set(major_locator=FixedLocator(depths), minor_locator=NullLocator())
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
    axes.set_xlabel(label, fontsize=11, color=INK)
    axes.set_title(title, loc="left", fontsize=13, color=INK)
    axes.tick_params(labelsize=11, length=0, colors=INK)
    axes.grid(axis="y", color=_FAINT)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(GREY)


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
        color=ENCODER if line.colour == ENCODER else INK,  # pale colours are hard to read
        fontsize=11,
        fontweight="bold" if line.width > 2 else "normal",
        va="center",
        arrowprops={"arrowstyle": "-", "color": line.colour, "lw": 1.6, "shrinkB": 5, "relpos": (0, 0.5)},
        annotation_clip=False,
        parse_math=False,  # a name may hold dollar signs
    )
