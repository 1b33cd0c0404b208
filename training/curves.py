"""Plots of a run, drawn from its metrics."""

import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # draws files, opens no window
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from encoder.whole import appearing_whole

_SMOOTHED = 0.95  # how much of a curve's past stays in it
_NOT_TERMS = {"step", "loss", "spread", "recall", "seconds", "waited", "direction_accuracy"}


def draw_curves(metrics: Path, out: Path) -> None:
    """Draw the terms of the objective, the spread of the embeddings and the probe's recall over the steps."""
    rows = read_metrics(metrics)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 3.6), layout="constrained")
    for name in [name for name in dict.fromkeys(key for row in rows for key in row) if name not in _NOT_TERMS]:
        _curve(left, rows, name)
    _curve(middle, rows, "spread")
    _curve(right, rows, "recall", smoothed=0, marker="o")
    left.set(title="terms of the loss", xlabel="step", yscale="log")
    left.legend()
    middle.set(title="spread of the embeddings (0: collapsed)", xlabel="step", ylim=(0, 1.05))
    right.set(title="one half of a video finds the other, R@1", xlabel="step", ylim=(0, 1.05))
    try:
        with appearing_whole(out) as part:
            figure.savefig(part, format="png", dpi=110)
    finally:
        plt.close(figure)


def read_metrics(metrics: Path) -> list[dict[str, Any]]:
    """The rows of a metrics.jsonl; a last line that was cut off is passed over."""
    lines = metrics.read_text().splitlines(keepends=True) if metrics.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _curve(axes: Axes, rows: list[dict[str, Any]], name: str, smoothed: float = _SMOOTHED, marker: str = "") -> None:
    points = [(row["step"], row[name]) for row in rows if name in row]
    if not points:
        return
    steps, values = zip(*points, strict=True)
    smooth, mean = [], values[0]
    for value in values:
        mean = smoothed * mean + (1 - smoothed) * value
        smooth.append(mean)
    axes.plot(steps, smooth, label=name, marker=marker)
