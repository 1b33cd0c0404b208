"""How the figures of the search benchmark grow with the number of vectors, as one picture."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

_PANELS = {
    "p50": ("one query for 10, median", "ms"),
    "batch": ("140 queries for 200, median", "ms"),
    "file": ("file and memory", "bytes"),
    "build_s": ("building", "s"),
}


def plot(figures: list[dict[str, Any]], path: Path) -> None:
    """Draw a panel for each figure and a line for each index, both axes logarithmic."""
    picture = Figure(figsize=(9, 6.5), layout="constrained")
    for axes, (key, (title, unit)) in zip(picture.subplots(2, 2).flat, _PANELS.items(), strict=True):
        for name in dict.fromkeys(each["name"] for each in figures):
            mine = [each for each in figures if each["name"] == name]
            axes.plot([each["size"] for each in mine], [each[key] for each in mine], marker="o", label=name)
        axes.set(title=title, xlabel="vectors", ylabel=unit, xscale="log", yscale="log")
        axes.grid(alpha=0.3)
    picture.axes[0].legend()
    picture.savefig(path, dpi=110)
