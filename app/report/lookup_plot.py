"""How long looking up clips takes, as a picture for the page."""

from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from app.report.evaluation import Evaluation
from app.report.plots import ENCODER, GREY, INK, dress, svg_of

_STYLES = ((ENCODER, "o-"), (GREY, "s--"))


def draw_lookups(evaluation: Evaluation) -> Figure:
    """Milliseconds of one look-up against how many clips it asks for; safe in any thread."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.add_subplot()
    for lookups, (colour, stroke) in zip(evaluation.lookups, _STYLES, strict=True):
        depths = [one.nearest for one in lookups.measured]
        half, most = ([getattr(one, name) for one in lookups.measured] for name in ("p50_ms", "p99_ms"))
        axes.fill_between(depths, half, most, color=colour, alpha=0.15, lw=0)
        axes.plot(depths, half, stroke, color=colour, lw=2, ms=6, label=f"compared with {lookups.compared}")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g} ms"))
    dress(axes, depths, "Time of one look-up", "k, clips asked for (log scale); line: p50, shaded: up to p99")
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=11, labelcolor=INK)
    return figure


def lookups_svg(evaluation: Evaluation) -> str:
    """The plot for the page."""
    return svg_of(draw_lookups(evaluation))
