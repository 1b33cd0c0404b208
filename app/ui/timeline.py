"""Where in a video the segments lie, over how alike it is to the clip all along: the reason why it was found."""

from collections.abc import Sequence

_HEIGHT = 100  # of the drawing, which is stretched to its place


def timeline(segments: Sequence[dict[str, float]], duration: float, curve: Sequence[float] | None) -> str:
    """For the eye and mouse: the same segments are buttons beside it."""
    length = max(duration, *(segment["end"] for segment in segments), 1e-3)
    marks = "".join(
        f'<i data-play="{i}" class="{"rs-best" if i == 0 else ""}" style="left:{100 * segment["start"] / length:.2f}%;'
        f'width:{100 * (segment["end"] - segment["start"]) / length:.2f}%"></i>'
        for i, segment in enumerate(segments)
    )
    drawing = "" if curve is None else _drawing(curve)
    return f'<div class="rs-timeline" aria-hidden="true">{marks}{drawing}</div>'


def _drawing(curve: Sequence[float]) -> str:
    """A step for each value, from left to right."""
    heights = [round(_HEIGHT * (1 - max(0.0, min(1.0, value)))) for value in curve]
    steps = "".join(f"V{height}H{i}" for i, height in enumerate(heights, 1))
    return (
        f'<svg viewBox="0 0 {len(heights)} {_HEIGHT}" preserveAspectRatio="none">'
        f'<path d="M0 {_HEIGHT}{steps}V{_HEIGHT}Z"/></svg>'
    )
