"""A person at the page: does what a person does, and finds things by what the page shows of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import FrameLocator, Locator, Page, expect

from encoder.clips import Span

PATIENCE_MS = 60_000.0  # for anything a person waits for
WORK_MS = 300_000.0  # for indexing and evaluating a few videos on a busy machine
_PICTURES_IN_VIEW = """() => Promise.all([...document.images].filter(picture => {
    const box = picture.getBoundingClientRect(); return box.top < innerHeight && box.bottom > 0;
}).map(picture => picture.decode().catch(() => {})))"""
_NOTE_START = "video => video.addEventListener('playing', () => { video.dataset.began = video.currentTime; })"


class Visitor:
    """Somebody who looks at one page."""

    def __init__(self, page: Page, album: Path) -> None:
        """Take a page; pictures of it go into the folder `album`."""
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        self.page, self._album = page, album
        self.faults: list[str] = []  # of the page's own scripts
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def open(self, address: str) -> None:
        """Go to the page, and wait until it can be used."""
        self.page.goto(address)
        self.page.locator("#rs-results section").wait_for()

    def go_to(self, tab: str) -> None:
        """Open a tab."""
        self._tabs.get_by_role("tab", name=tab, exact=True).click()
        expect(self._tabs.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")

    def tabs(self) -> list[str]:
        """Names of all tabs."""
        return self._tabs.get_by_role("tab").all_inner_texts()

    def parts(self) -> list[Locator]:
        """The tabs inside the open tab."""
        return self.page.get_by_role("tabpanel").get_by_role("tab").all()

    def index(self, folder: Path) -> None:
        """Add a folder in the Library tab, and wait until it is indexed."""
        self.go_to("Library")
        self.page.get_by_label("Folder of videos").fill(str(folder))
        self.page.keyboard.press("Enter")
        self.page.get_by_role("button", name="Add", exact=True).click()
        self._await(self.page.get_by_text("is done: "))

    def upload(self, clip: Path) -> None:
        """Give a short example, which is searched for at once, and wait for the first result."""
        with self.another_answer():
            self.give(clip)

    def give(self, clip: Path) -> None:
        """Give the example, and wait for nothing."""
        self.page.locator("#rs-clip input[type=file]").first.set_input_files(clip)

    def search(self, span: Span) -> None:
        """Set the in and out points, search for what lies between them, and wait for the first result."""
        for name, seconds in (("From", span.start), ("To", span.end)):
            self.page.get_by_role("slider", name=f"{name}, seconds").fill(f"{seconds:.2f}")
        with self.another_answer():
            self.page.get_by_role("button", name="Search", exact=True).click()

    @contextmanager
    def another_answer(self) -> Iterator[None]:
        """Wait for the answer to what is done inside: not the one that is there already."""
        self.page.evaluate("document.querySelectorAll('.rs-cards').forEach(cards => { cards.dataset.old = ''; })")
        yield
        self._await(self.page.locator(".rs-cards:not([data-old]) .rs-card").first)

    def play(self, card: int = 0) -> float:
        """Press a result's first moment; gives the second of the video at which it began to play."""
        self.match.evaluate(_NOTE_START)
        self.cards.nth(card).locator("[data-segment]").first.click()
        self.page.wait_for_function("video => video.dataset.began !== undefined", arg=self.match.element_handle())
        return float(self.match.get_attribute("data-began") or "nan")

    def evaluate(self, manifest: Path) -> None:
        """Evaluate a manifest of the server, and wait for the report."""
        self.go_to("Evaluate")
        self.page.get_by_label("Manifest on the server").fill(str(manifest))
        self.page.keyboard.press("Enter")
        self.page.get_by_role("button", name="Evaluate", exact=True).click()
        self._await(self.report.get_by_role("heading", name=manifest.name))

    @property
    def report(self) -> FrameLocator:
        """The report of an evaluation."""
        return self.page.frame_locator("iframe[title='Report of the evaluation']")

    @property
    def match(self) -> Locator:
        """What plays a result, in the player."""
        return self.page.locator("dialog video[data-part=match]")

    @property
    def clip(self) -> Locator:
        """What plays the example beside it."""
        return self.page.locator("dialog video[data-part=clip]")

    @property
    def cards(self) -> Locator:
        """The results, best first."""
        return self.page.locator(".rs-card")

    def picture(self, name: str, whole: bool = False) -> None:
        """Keep what is seen, or with `whole` what lies below it too."""
        self.page.evaluate(_PICTURES_IN_VIEW)
        self.page.wait_for_timeout(300)  # what fades and slides in has come
        self.page.screenshot(path=self._album / f"{name}.png", full_page=whole, timeout=PATIENCE_MS)

    @property
    def _tabs(self) -> Locator:
        return self.page.get_by_role("tablist").first

    def _await(self, wanted: Locator) -> None:
        """Wait for what long work brings.

        Raises:
            AssertionError: the page says in a message that it did not work.
        """
        message, deadline = self.page.get_by_test_id("toast-body"), time.monotonic() + WORK_MS / 1000
        while time.monotonic() < deadline and not wanted.is_visible():
            if message.count():
                raise AssertionError(message.first.inner_text())
            self.page.wait_for_timeout(50)
        expect(wanted).to_be_visible()
