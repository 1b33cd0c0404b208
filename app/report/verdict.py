"""What an evaluation found, in a few sentences."""

from collections.abc import Sequence
from typing import NamedTuple

from app.report.evaluation import Evaluation, EvaluationRow
from app.report.recognition import Recognition
from app.report.text import judgement, listed, percent, probability, signed
from indexer.evaluation import Difference

_ENOUGH = 6  # owners that all agree, for a p below 0.05
_KINDS = ("worse", "not told apart", "better")


class _Rival(NamedTuple):
    """What the judged one is compared with."""

    name: str
    score: float
    lead: Difference  # of the judged one


def verdict(evaluation: Evaluation) -> str:
    """How often the encoder finds the right class first, and whether that beats chance and all beside it, in words.

    It is told apart from another where the paired bootstrap gives the difference a p below 0.05.
    """
    report = evaluation.judged.report
    found = (
        f"The encoder finds the right class first for {percent(report.recall[1])} of queries "
        f"{_beside_chance(report.recall_at_1_interval, report.chance)}."
    )
    baselines, others = _rivals(evaluation.baselines), _rivals(evaluation.others)
    too_few = _too_few(evaluation.owners, "groups" if evaluation.grouped else "queries")
    return " ".join([found, *_against(baselines), *_told_apart(others, "The encoder"), *too_few])


def recognition_verdict(recognition: Recognition) -> str:
    """The same of recognition, on top-1."""
    report = recognition.judged.report
    rivals = [_Rival(row.name, row.report.top[1], row.lead) for row in recognition.beside if row.lead is not None]
    found = (
        f"The right class is named for {percent(report.top[1])} of the videos "
        f"{_beside_chance(report.intervals[1], report.chance[1])}."
    )
    told = _told_apart(rivals, _subject(recognition))
    return " ".join([found, *told, *_too_few(recognition.owners, "groups" if recognition.grouped else "videos")])


def _subject(recognition: Recognition) -> str:
    return "The encoder" if recognition.judged.name == "encoder" else f"The {recognition.judged.name} encoder"


def _beside_chance(interval: tuple[float, float], chance: float) -> str:
    low, high = interval
    told = "worse than" if high < chance else "not told apart from"
    told = "better than" if low > chance else told
    return f"(95 % interval {percent(low)} to {percent(high)}), which is {told} chance ({percent(chance)})"


def _rivals(rows: Sequence[EvaluationRow]) -> list[_Rival]:
    return [_Rival(row.name, row.report.recall[1], row.lead.recall_at_1) for row in rows if row.lead is not None]


def _against(baselines: Sequence[_Rival]) -> list[str]:
    """How the encoder compares with the trivial baselines."""
    if not baselines:
        return ["No trivial baseline was measured."]
    if all(judgement(row.lead) == "better" for row in baselines):
        return [f"It beats every trivial baseline: {_sizes(_ranked(baselines))}."]
    return _told_apart(baselines, "It")


def _told_apart(rows: Sequence[_Rival], subject: str) -> list[str]:
    """What beats it, what it is not told apart from, and what it beats, in up to three sentences."""
    worse, level, better = ([row for row in _ranked(rows) if judgement(row.lead) == kind] for kind in _KINDS)
    sentences = []
    if worse:
        sentences.append(f"{subject} is beaten by {_sizes(worse)}.")
    if level:
        named = [f"{row.name} ({signed(row.lead.value)} points, p = {probability(row.lead.p)})" for row in level]
        sentences.append(f"{subject} is not told apart from {listed(named)}.")
    if better:
        sentences.append(f"{subject} beats {_sizes(better)}.")
    return sentences


def _ranked(rows: Sequence[_Rival]) -> list[_Rival]:
    """The best first."""
    return sorted(rows, key=lambda row: -row.score)


def _sizes(rows: Sequence[_Rival]) -> str:
    """The names and by how much."""
    return listed([f"{row.name} by {abs(100 * row.lead.value):.1f} points" for row in rows])


def _too_few(owners: int, kind: str) -> list[str]:
    if owners >= _ENOUGH:
        return []
    return [f"{owners} {kind} are too few to tell differences from luck: it takes {_ENOUGH}."]
