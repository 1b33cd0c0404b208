"""The coverage of a video as a picture: what of it is found where, each source in a row of its own."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from app.progress import clock
from app.text import file_name, shown

PICTURES = (".png", ".svg")
_INK, _GREY, _FAINT, _BLUE, _ORANGE = "#1a1a1a", "#6b6b6b", "#e4e4e4", "#0072b2", "#d55e00"
_ROWS = 24  # sources that are drawn, at most
_NAME = 36  # characters, the last ones of a longer name
_HEIGHT_IN, _ROW_IN = 1.5, 0.34
_WIDE = 0.13  # of the video: a segment that has room for its label


def write_timeline(result: dict[str, Any], path: Path) -> None:
    """Draw the result of `coverage_result` into a PNG or SVG file.

    Raises:
        ValueError: the file is called otherwise.
        OSError: it can't be written.
    """
    if path.suffix.lower() not in PICTURES:
        raise ValueError(f"{path}: a picture is written as {' or '.join(PICTURES)}")
    draw_timeline(result).savefig(path, dpi=150)


def draw_timeline(result: dict[str, Any]) -> Figure:
    """The picture; safe in any thread."""
    sources = result["sources"][:_ROWS]
    figure = Figure(figsize=(10, _HEIGHT_IN + _ROW_IN * (len(sources) + 1)), layout="constrained")
    axes = figure.add_subplot()
    names = [_name(result["path"]), *(_name(source["path"]) for source in sources)]
    for row in range(len(names)):
        axes.barh(row, result["duration"], height=0.62, color=_FAINT)
    for part in result["parts"]:
        axes.barh(0, part["end"] - part["start"], left=part["start"], height=0.62, color=_INK)
    for row, source in enumerate(sources, 1):
        for one in source["segments"]:
            colour = _ORANGE if one["mirrored"] else _BLUE
            axes.barh(row, one["end"] - one["start"], left=one["start"], height=0.62, color=colour)
            _label(axes, row, one, result["duration"])
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    _dress(axes, result, len(result["sources"]) - len(sources))
    return figure


def _name(path: str) -> str:
    """A file with its folders: in several folders, files are often called the same."""
    name = shown("/".join(Path(path).parts[-3:])).lstrip("/")
    return name if len(name) <= _NAME else f"…{name[-_NAME:]}"


def _label(axes: Any, row: int, one: dict[str, Any], duration: float) -> None:
    """Where in the source a segment lies, and what was done to it; beside a narrow one."""
    tempo = abs(one["tempo"])
    edits = "" if abs(tempo - 1) < 0.01 else f"  ×{tempo:.2f}"
    edits += "  reversed" if one["tempo"] < 0 else ""
    text = f"{clock(one['source_start'])} – {clock(one['source_end'])}{edits}"
    if one["end"] - one["start"] >= _WIDE * duration:
        axes.text((one["start"] + one["end"]) / 2, row, text, ha="center", va="center", color="white", fontsize=7)
    elif one["end"] < 0.8 * duration:
        axes.text(one["end"] + 0.006 * duration, row, text, ha="left", va="center", color=_GREY, fontsize=7)
    else:
        axes.text(one["start"] - 0.006 * duration, row, text, ha="right", va="center", color=_GREY, fontsize=7)


def _dress(axes: Any, result: dict[str, Any], left_out: int) -> None:
    axes.set_xlim(0, result["duration"])
    axes.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 3, 5, 6, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
    axes.tick_params(length=0, colors=_GREY, labelsize=8.5)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.set_title(_title(result, left_out), loc="left", fontsize=10.5, color=_INK, pad=10)
    if result["sources"]:
        axes.set_xlabel(
            "black: found anywhere; blue: as it is, orange: mirrored; the times are those of the source",
            loc="left", fontsize=8, color=_GREY,
        )  # fmt: skip


def _title(result: dict[str, Any], left_out: int) -> str:
    name, count = file_name(result["path"]), len(result["sources"])
    if not count:
        return f"Nothing of {name} is found in other videos."
    more = f" {left_out} further sources are not drawn." if left_out else ""
    others = "1 other video" if count == 1 else f"{count} other videos"
    return f"{result['covered'] / result['duration']:.0%} of {name} is found in {others}.{more}"
