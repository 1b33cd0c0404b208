"""How long a visitor of the page waits: until it can be used, and from the end of the upload to the first result.

    python -m benchmarks.page LIBRARY CLIP... [--clips 1000] [--rounds 7]

The library is copied and filled up to so many clips (`queries.py`), served by a process of its own, and looked at with
chromium, each time by a browser that has nothing of the page yet. Prints medians and the slowest, and how many times
the search alone that is: the page says how long that took.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import MISSING, find_chromium, launch, serving
from benchmarks.queries import grow
from benchmarks.visitor import Visitor
from encoder.errors import WorldError

_TOLD = re.compile(r"searched in ([\d.]+) s")


@dataclass(frozen=True)
class Visit:
    """One visitor's waits, in seconds."""

    until_usable: float
    until_result: float  # from the end of the upload
    search: float  # of until_result, as the page says


def main() -> None:
    """Serve a library, look at it, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library", type=Path)
    parser.add_argument("clips_of", nargs="+", type=Path, metavar="CLIP", help="videos of 20 s or less to search for")
    parser.add_argument("--clips", type=int, default=1000, help="in the grown library")
    parser.add_argument("--rounds", type=int, default=7, help="visits with each clip")
    options = parser.parse_args()
    program = find_chromium()
    if program is None:
        sys.exit(MISSING)
    try:
        with TemporaryDirectory() as scratch, sync_playwright() as playwright:
            grow(options.library, Path(scratch) / "library", options.clips)
            browser = launch(playwright, program)
            began = time.monotonic()
            with serving(Path(scratch) / "library", []) as address:
                print(f"the server is ready {time.monotonic() - began:.2f} s after its start")
                print(table(list(visits(browser, address, options.clips_of, options.rounds))))
            browser.close()
    except WorldError as error:
        sys.exit(str(error))


def visits(browser: Browser, address: str, clips: Sequence[Path], rounds: int) -> Iterator[Visit]:
    """Search for each clip so many times, in turns; what comes first, while the server warms up, does not count."""
    visit(browser, address, clips[0])
    for _ in range(rounds):
        for clip in clips:
            yield visit(browser, address, clip)


def visit(browser: Browser, address: str, clip: Path) -> Visit:
    """Come to the page, upload a clip, and wait for the first result."""
    with TemporaryDirectory() as album, browser.new_context(reduced_motion="reduce") as context:
        visitor = Visitor(context.new_page(), Path(album))
        began = time.monotonic()
        visitor.open(address)
        usable = time.monotonic()
        with visitor.page.expect_response(re.compile("/gradio_api/upload")) as uploading:
            visitor.give(clip)
        uploading.value.finished()
        uploaded = time.monotonic()
        visitor.cards.first.wait_for()
        found = time.monotonic()
        told = _TOLD.search(visitor.page.locator(".rs-told").first.inner_text())
    return Visit(usable - began, found - uploaded, float(told[1]) if told else float("nan"))


def table(taken: Sequence[Visit]) -> str:
    """Medians and the slowest, as Markdown."""
    lines = [f"| {len(taken)} visits | median | slowest |", "|---|---:|---:|"]
    for name, times in (
        ("until the page can be used", [one.until_usable for one in taken]),
        ("from the end of the upload to the first result", [one.until_result for one in taken]),
        ("of it, the search", [one.search for one in taken]),
    ):
        lines.append(f"| {name} | {median(times):.2f} s | {max(times):.2f} s |")
    ratio = median(one.until_result / one.search for one in taken)
    return "\n".join([*lines, f"| the first result takes so many times the search alone | {ratio:.2f} | |"])


if __name__ == "__main__":
    main()
