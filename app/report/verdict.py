"""What an evaluation found, in a few sentences."""

from collections.abc import Sequence

from app.report.evaluation import Evaluation, EvaluationRow
from app.report.text import judgement, listed, percent, probability, signed
from indexer.evaluation import Difference

_ENOUGH = 6  # owners that all agree, for a p below 0.05
_KINDS = ("worse", "not told apart", "better")


def verdict(evaluation: Evaluation) -> str:
    """Whether the encoder beats each trivial baseline, chance and further encoders on R@1, in words.

    It is told apart from another where the paired bootstrap gives the difference a p below 0.05.
    """
    report = evaluation.judged.report
    low, high = report.recall_at_1_interval
    told = "worse than" if high < report.chance else "not told apart from"
    told = "better than" if low > report.chance else told
    found = (
        f"The encoder finds the right class first for {percent(report.recall[1])} of queries (95 % interval "
        f"{percent(low)} to {percent(high)}), which is {told} chance ({percent(report.chance)})."
    )
    return " ".join([*_against(evaluation.baselines), found, *_beside(evaluation.others), *_too_few(evaluation)])


def _against(baselines: Sequence[EvaluationRow]) -> list[str]:
    """What beats the encoder, what is not told apart from it, and what it beats."""
    if not baselines:
        return ["No trivial baseline was measured."]
    if all(_judged(row) == "better" for row in baselines):
        return [f"The encoder beats every trivial baseline on R@1: {_sizes(_ranked(baselines))}."]
    return _beside(baselines)


def _beside(rows: Sequence[EvaluationRow]) -> list[str]:
    """The same of any rows, in up to three sentences."""
    worse, level, better = ([row for row in _ranked(rows) if _judged(row) == kind] for kind in _KINDS)
    sentences = []
    if worse:
        sentences.append(f"On R@1 the encoder is beaten by {_sizes(worse)}.")
    if level:
        named = [f"{row.name} ({signed(_lead(row).value)} points, p = {probability(_lead(row).p)})" for row in level]
        sentences.append(f"On R@1 the encoder is not told apart from {listed(named)}.")
    if better:
        sentences.append(f"On R@1 the encoder beats {_sizes(better)}.")
    return sentences


def _ranked(rows: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    """The best R@1 first."""
    return sorted(rows, key=lambda row: -row.report.recall[1])


def _sizes(rows: Sequence[EvaluationRow]) -> str:
    """The names and by how much."""
    return listed([f"{row.name} by {abs(100 * _lead(row).value):.1f} points" for row in rows])


def _too_few(evaluation: Evaluation) -> list[str]:
    if evaluation.owners >= _ENOUGH:
        return []
    kind = "groups" if evaluation.grouped else "queries"
    return [f"{evaluation.owners} {kind} are too few to tell differences from luck: it takes {_ENOUGH}."]


def _judged(row: EvaluationRow) -> str:
    return judgement(_lead(row))


def _lead(row: EvaluationRow) -> Difference:
    assert row.lead is not None
    return row.lead.recall_at_1
