"""Numbers as the reports write them."""

from collections.abc import Sequence

from indexer.evaluation import Difference


def percent(fraction: float) -> str:
    """A fraction in [0, 1]: 71.5 %."""
    return f"{100 * fraction:.1f} %"


def interval(ends: tuple[float, float]) -> str:
    """The ends of an interval of fractions, in percent: [63.2, 79.2]."""
    low, high = ends
    return f"[{100 * low:.1f}, {100 * high:.1f}]"


def points(difference: Difference) -> str:
    """A difference of fractions with its interval, in percentage points: +2.1 [−0.4, +4.6]."""
    low, high = (signed(end) for end in difference.interval)
    return f"{signed(difference.value)} [{low}, {high}]"


def signed(fraction: float) -> str:
    """A fraction in percentage points, with its sign: +2.1."""
    return f"{round(100 * fraction, 1) + 0.0:+.1f}".replace("-", "−")  # no -0.0


def probability(p: float) -> str:
    """A p value to the thousandth that 2000 resamples can tell."""
    return "≤ 0.001" if p <= 0.001 else f"{p:.3f}"


def judgement(difference: Difference) -> str:
    """Whether it is told apart from 0, at p < 0.05."""
    if difference.p >= 0.05:
        return "not told apart"
    return "better" if difference.value > 0 else "worse"


def unbroken(sentence: str) -> str:
    """The same, with no end of a line before a percent sign or at an equals sign."""
    return sentence.replace(" %", "\u00a0%").replace(" = ", "\u00a0=\u00a0")


def listed(items: Sequence[str]) -> str:
    """One, two and three."""
    return " and ".join(filter(None, [", ".join(items[:-1]), items[-1]]))
