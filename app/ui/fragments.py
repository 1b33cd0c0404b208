"""Pieces of HTML that several tabs use. All text that comes in is escaped here."""

from collections.abc import Sequence
from html import escape

from app.progress import clock
from app.text import file_name, shown
from app.ui.job import JobState

_FAILURES_SHOWN = 200

ON_ACT = """
element.addEventListener('click', event => {
    const button = event.target.closest('[data-do]');
    if (button) trigger('click', { do: button.dataset.do, what: button.dataset.what || '' });
});
"""  # the handler of `click` gets an event with what is to be done, and with what


def action(text: str, do: str, what: str = "", kind: str = "", label: str = "") -> str:
    """A button in our HTML that does something on the server, see ON_ACT.

    Args:
        text: on the button.
        do: what is done.
        what: with what.
        kind: "" or stop.
        label: for those who can't see what it stands beside.
    """
    named = f' aria-label="{escape(label)}"' if label else ""
    return (
        f'<button type="button" class="rs-action {f"rs-{kind}" if kind else ""}" data-do="{escape(do)}" '
        f'data-what="{escape(what)}"{named}>{escape(text)}</button>'
    )


def note(text: str, kind: str = "info") -> str:
    """A sentence in a box; kind: info, good or bad."""
    return f'<p class="rs-note rs-{kind}" role="{"alert" if kind == "bad" else "status"}">{escape(text)}</p>'


def steps(title: str, items: Sequence[str]) -> str:
    """An empty place that teaches what to do first."""
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f'<section class="rs-empty"><h3>{escape(title)}</h3><ol>{listed}</ol></section>'


def tiles(facts: Sequence[tuple[str, str]]) -> str:
    """Big figures, each with its name."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts)
    return f'<dl class="rs-tiles">{cells}</dl>'


def confirmed(text: str, label: str, told: str, button: str) -> str:
    """A button that only opens another one, with a sentence on what that does; `label` names it for screen readers."""
    return (
        f'<details class="rs-confirm"><summary aria-label="{escape(label)}">{escape(text)}</summary>'
        f"<div><p>{escape(told)}</p>{button}</div></details>"
    )


def facts(title: str, pairs: Sequence[tuple[str, str]]) -> str:
    """Small facts, each with its name, under a title."""
    rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    return f'<section class="rs-section"><h3>{escape(title)}</h3><dl class="rs-facts">{rows}</dl></section>'


def table(caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: bool = False) -> str:
    """A table; with numbers, all columns but the first are aligned right."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    kind = "rs-table rs-numbers" if numbers else "rs-table"
    return (
        f'<div class="rs-scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="{kind}">'
        f"<caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def failures(caption: str, failed: Sequence[tuple[str, str]]) -> str:
    """Files with the reason of each."""
    if not failed:
        return ""
    rows = [(file_name(path), reason, shown(path)) for path, reason in failed[:_FAILURES_SHOWN]]
    more = len(failed) - len(rows)
    rest = note(f"… and {more} more; `reelseek status` lists them all.") if more else ""
    return table(f"{caption} ({len(failed)})", ("File", "Reason", "Where"), rows) + rest


def progress(state: JobState) -> str:
    """A job's bar while it runs, its error if it ended with one; empty if there is nothing to say."""
    if not state.title:
        return ""
    if not state.running:
        return note(f"{state.title}: {state.error}", "info" if state.stopped else "bad") if state.error else ""
    percent = round(100 * state.share)
    left = "estimating the time left" if state.left_s is None else f"about {_rounded(state.left_s)} left"
    return (
        f'<section class="rs-job" aria-live="polite"><h3>{escape(state.title)}</h3>'
        f'<div class="rs-bar" role="progressbar" aria-label="{escape(state.title)}" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f"<p>{escape(state.text)} · {percent} % · {escape(left)}</p></section>"
        + failures("Could not be read so far", state.failures)
    )


def _rounded(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else clock(seconds).rpartition(".")[0]
