"""The report as one HTML file that loads nothing: pictures, plot and styles lie in it."""

from base64 import b64encode
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from app.report.evaluation import Evaluation
from app.report.lookup_plot import lookups_svg
from app.report.parts import are_named, cells, most_confused, template
from app.report.pictures import Thumbnails, examples
from app.report.plots import recall_svg
from app.report.verdict import verdict
from app.text import file_name, shown
from indexer.answers import Answers, confusion


@dataclass(frozen=True)
class _Card:
    """A video in the grid of examples."""

    name: str
    path: str
    label: str
    group: str | None
    picture: str | None  # a data URI
    cosine: float | None  # None for the query
    right: bool


@dataclass(frozen=True)
class _ClassRow:
    label: str
    queries: int
    recall_at_1: float
    map: float
    baseline: float | None  # R@1 of the best one
    confused: tuple[str, float] | None  # the wrong class that comes first most often, of what share of the queries


def to_html(evaluation: Evaluation, thumbnails: Thumbnails) -> str:
    """The page. Names and labels are escaped; a video without a thumbnail is shown by its name alone."""
    wrong, right = ([_cards(one, evaluation, thumbnails) for one in kind] for kind in examples(evaluation))
    names, counts = confusion(evaluation.answers, evaluation.labels)
    return template("page.html").render(
        evaluation=evaluation,
        report=evaluation.judged.report,
        verdict=verdict(evaluation),
        best=evaluation.best_baseline,
        grouped=evaluation.grouped,
        plot=Markup(recall_svg(evaluation)),  # matplotlib escapes what it writes
        lookup_plot=Markup(lookups_svg(evaluation)),
        examples=[("wrong", wrong), ("right", right)],
        classes=_classes(evaluation, names, counts),
        names=names,
        cells=cells(names, counts, "queries found", "first"),
        named=are_named(names),
    )


def _cards(answers: Answers, evaluation: Evaluation, thumbnails: Thumbnails) -> list[_Card]:
    """The query, then its answers."""
    rows = [(answers.row, None), *zip(answers.best, answers.cosines, strict=True)]
    label = evaluation.samples[answers.row].label
    return [_card(evaluation, row, cosine, label, thumbnails) for row, cosine in rows]


def _card(evaluation: Evaluation, row: int, cosine: float | None, wanted: str, thumbnails: Thumbnails) -> _Card:
    sample = evaluation.samples[row]
    jpeg = thumbnails.get(str(sample.path))
    return _Card(
        name=file_name(sample.path),
        path=shown(sample.path),
        label=sample.label,
        group=sample.group,
        picture=f"data:image/jpeg;base64,{b64encode(jpeg).decode()}" if jpeg else None,
        cosine=cosine,
        right=sample.label == wanted,
    )


def _classes(evaluation: Evaluation, names: list[str], counts: NDArray[np.intp]) -> list[_ClassRow]:
    """Worst first."""
    report = evaluation.judged.report
    best = evaluation.best_baseline
    rows = []
    for label in sorted(report.per_class, key=lambda label: (report.per_class[label], label)):
        rows.append(
            _ClassRow(
                label,
                report.queries_per_class[label],
                report.per_class[label],
                report.map_per_class[label],
                best.report.per_class[label] if best else None,
                most_confused(names, counts, label),
            )
        )
    return rows
