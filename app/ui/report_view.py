"""A report in the page: a frame that is as high as what it shows, and its files to take away."""

from collections.abc import Sequence

from app.reports import KeptReport

FIT_FRAME = """
element.addEventListener('load', event => {
    const frame = event.target;
    if (frame.tagName !== 'IFRAME') return;
    const shown = frame.contentDocument.documentElement;
    const fit = () => { frame.style.height = shown.scrollHeight + 'px'; };
    fit();
    new ResizeObserver(fit).observe(frame.contentDocument.body);
}, true);
"""


def choices(reports: Sequence[KeptReport]) -> list[tuple[str, str]]:
    """Each report by what was evaluated when, and its id."""
    return [
        (
            f"{one.manifest}, {' and '.join(one.encoders)}: R@1 {100 * one.recall_at_1:.1f} % "
            f"({one.written.astimezone():%d %b %Y, %H:%M})",
            one.id,
        )
        for one in reports
    ]


def framed(report_id: str) -> str:
    """The report of an id that is known here."""
    links = "".join(
        f'<a class="rs-action" href="report/{report_id}/{name}" {how}>{text}</a>'
        for name, text, how in (
            ("report.html", "Open alone", 'target="_blank" rel="noopener"'),
            ("queries.csv", "Every query as CSV", "download"),
            ("report.json", "All figures as JSON", "download"),
        )
    )
    return (
        f'<p class="rs-line">{links}</p><iframe class="rs-frame" title="Report of the evaluation" '
        f'src="report/{report_id}/report.html" sandbox="allow-same-origin allow-popups"></iframe>'
    )
