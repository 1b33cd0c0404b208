"""The ablation's rows as Markdown tables, mean and standard deviation over the seeds."""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from training.arms import Arm

_TABLES = (  # title, and the first or last words of the columns
    ("What is found: R@1 of the class; `still` repeats one frame of each clip", ("R@1",)),
    ("What it follows: action or background, which way time runs, what cells look like", ("match", "reversal", "R2")),
    ("What the maps know: where, and when, one view lies in the other", ("regions", "places", "bins", "tau", "order")),
)


def to_markdown(rows: Sequence[dict[str, Any]], arms: Sequence[Arm]) -> str:
    """Three tables, a line an arm: everything in `found` in per cent, but for `tau` and `R2`."""
    names = list(dict.fromkeys(name for row in rows for name in row["found"]))
    parts = []
    for title, words in _TABLES:
        columns = [name for name in names if {name.split(" ")[0], name.split(" ")[-1]} & set(words)]
        lines = [f"**{title}**", "", "| arm | | " + " | ".join(columns) + " |", "|---|---|" + "---:|" * len(columns)]
        for arm in arms:
            mine = [row["found"] for row in rows if row["arm"] == arm.name]
            if mine:
                cells = [_cell([found[c] for found in mine if c in found], c) for c in columns]
                lines.append(f"| {arm.name} | {arm.says} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _cell(values: Sequence[float], column: str) -> str:
    """`mean ± sd`, or the value of a lone seed, or a dash where the arm has no such number."""
    if not values:
        return "-"
    scale, digits = (1, 2) if column in ("tau", "low-level R2") else (100, 1)
    text = f"{scale * mean(values):.{digits}f}"
    return f"{text} ± {scale * stdev(values):.{digits}f}" if len(values) > 1 else text
