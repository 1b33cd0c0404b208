"""A real browser at a served library of real files; without chromium these tests are skipped."""

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest
from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import MISSING, find_chromium, launch, serving
from benchmarks.screenshots import cut_scene, scene_of
from benchmarks.visitor import Visitor
from encoder.checkpoint import DEFAULT, load_encoder
from encoder.clips import Span
from indexer.library import Library
from training.collection import write_collection

ALBUM = Path(__file__).parents[2] / "build" / "browser"  # what git ignores
OWN_VIDEOS = "REELSEEK_TEST_VIDEOS"  # a folder of videos to make the journey with, in folders named by what they show
LAPTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
ACTIONS, VIDEOS = 6, 12


@dataclass(frozen=True)
class Collection:
    """A folder of videos, and a clip whose place in one of them is known."""

    folder: Path
    manifest: Path
    film: Path  # the long video of the folder
    place: Span  # a scene of it
    clip: Path  # an edited copy of that scene and of what is around it, another file elsewhere
    in_clip: Span  # where the scene is in the clip


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say where the pictures are."""
    if ALBUM.is_dir():
        terminalreporter.write_line(f"pictures of the page: {ALBUM}")


def pytest_exception_interact(node: Any) -> None:
    """Keep a picture of the page at which a test failed."""
    for number, visitor in enumerate(node.funcargs.get("visitors", []), 1):
        visitor.picture(f"failed-{node.name}-{number}")


@pytest.fixture(scope="session", autouse=True)
def chromium() -> str:
    """The browser's program."""
    program = find_chromium()
    if program is None:
        pytest.skip(MISSING)
    return program


@pytest.fixture(scope="session")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Drawn videos; with REELSEEK_TEST_VIDEOS some of that folder's."""
    home = tmp_path_factory.mktemp("collection")
    folder = home / "videos"
    own = os.environ.get(OWN_VIDEOS)
    film, place = _take(Path(own), folder) if own else _draw(folder)
    manifest = folder / "list.csv"
    rows = [(path, path.parent.name) for path in sorted(folder.rglob("*.*")) if path != film]
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *rows])
    clip = home / "my scene.mp4"
    around = Span(max(0.0, place.start - 1), place.end + 1)
    cut_scene(film, around, clip)
    return Collection(folder, manifest, film, place, clip, Span(place.start - around.start, place.end - around.start))


@pytest.fixture(scope="session")
def library(collection: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection indexed by the shipped encoder."""
    place = tmp_path_factory.mktemp("indexed") / "library"
    with Library.create(place, load_encoder(DEFAULT)) as made:
        made.add([collection.folder], workers=2)
    return place


@pytest.fixture(scope="session")
def address(library: Path, collection: Collection) -> Iterator[str]:
    """The page of the indexed library."""
    with serving(library, [collection.folder]) as address:
        yield address


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Not for the whole session: Playwright's event loop would be in the way of other tests."""
    with sync_playwright() as playwright:
        browser = launch(playwright, chromium)
        yield browser
        browser.close()


@pytest.fixture
def visitors(browser: Browser) -> Iterator[list[Visitor]]:
    """Who came to the page; none may meet an error of the page's own scripts."""
    visitors: list[Visitor] = []
    yield visitors
    for visitor in visitors:
        visitor.page.context.close()
    assert [fault for visitor in visitors for fault in visitor.faults] == []


@pytest.fixture
def come(browser: Browser, visitors: list[Visitor]) -> Callable[..., Visitor]:
    """come(viewport=PHONE, color_scheme="dark")  -> somebody with a browser of their own"""
    ALBUM.mkdir(parents=True, exist_ok=True)

    def come(**how: Any) -> Visitor:
        context = browser.new_context(**{"viewport": LAPTOP, "reduced_motion": "reduce", **how})
        visitors.append(Visitor(context.new_page(), ALBUM))
        return visitors[-1]

    return come


def _draw(folder: Path) -> tuple[Path, Span]:
    """Six actions, two videos each, and a film; gives the film and where its second scene is."""
    write_collection(folder, videos_per_action=2, films=1, scenes_per_film=5, width=192, height=144)
    (folder / "manifest.csv").unlink()
    for action in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != "films")[ACTIONS:]:
        shutil.rmtree(action)
    film, scene = scene_of(folder / "films.csv", 1)
    (folder / "films.csv").unlink()
    return film, scene


def _take(source: Path, folder: Path) -> tuple[Path, Span]:
    """A few videos from all over a folder, and the longest one, with three seconds of its middle."""
    files = sorted(path for path in source.rglob("*") if path.suffix in (".mp4", ".webm", ".mkv", ".avi", ".mov"))
    longest = max(files, key=_seconds)
    for path in {*files[:: max(1, len(files) // VIDEOS)], longest}:
        copy = folder / ("films" if path == longest else path.parent.name) / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    middle = round(_seconds(longest) / 2, 1)
    return folder / "films" / longest.name, Span(middle - 1.5, middle + 1.5)


def _seconds(path: Path) -> float:
    with av.open(path) as container:
        return float(container.duration or 0) / av.time_base
