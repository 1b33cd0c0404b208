"""The report on recognition as one HTML file that loads nothing."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from app.report.parts import are_named, cells, most_confused, template
from app.report.plots import top_svg
from app.report.recognition import Recognition
from app.report.verdict import recognition_verdict
from indexer.recognition import confusion


@dataclass(frozen=True)
class _ClassRow:
    label: str
    videos: int
    top_1: float
    beside: float  # top-1 of the best row beside the judged one
    confused: tuple[str, float] | None  # the wrong class that is named most often, in what share of the videos


def to_html(recognition: Recognition) -> str:
    """The page. Names and labels are escaped."""
    report = recognition.judged.report
    names, counts = report.predictions.classes, confusion(report.predictions)
    return template("recognition.html").render(
        recognition=recognition,
        report=report,
        best=recognition.best_beside,
        verdict=recognition_verdict(recognition),
        plot=Markup(top_svg(recognition)),  # matplotlib escapes what it writes
        classes=_classes(recognition, names, counts),
        names=names,
        cells=cells(names, counts, "videos are named"),
        named=are_named(names),
    )


def _classes(recognition: Recognition, names: list[str], counts: NDArray[np.intp]) -> list[_ClassRow]:
    """Worst first."""
    report, best = recognition.judged.report, recognition.best_beside.report
    return [
        _ClassRow(
            label,
            report.videos_per_class[label],
            report.per_class[label],
            best.per_class[label],
            most_confused(names, counts, label),
        )
        for label in sorted(report.per_class, key=lambda label: (report.per_class[label], label))
    ]
