"""The pictures of the page that the README shows, made anew: `python -m benchmarks.screenshots [docs/page]`.

Made of sample videos, in a real browser: a search, a match that plays beside the clip, the library, the report of an
evaluation, and a search on a phone.
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import MISSING, find_chromium, launch, serving
from benchmarks.copies import write_video
from benchmarks.edits import CRF, Frames, grey, logo
from benchmarks.visitor import Visitor
from encoder.checkpoint import DEFAULT, load_encoder
from encoder.clips import Span
from indexer.library import Library
from training.collection import write_collection

_LAPTOP, _PHONE = (1280, 860), (390, 760)
_COLOURS = 256  # of a picture: a quarter of the file, and hardly seen
_REFINED = 4  # rounds in which these are moved to where the picture's lie
_AN_ACTION = 3  # sample videos
_SCENE = 1  # of the first film, which is searched for
_SCROLL_MS = 1500  # the page goes to the results by itself
_TO_TOP = "element => element.scrollIntoView()"


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description="Make the README's pictures of the page.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/page"), help="where they go")
    folder = parser.parse_args().folder
    program = find_chromium()
    if program is None:
        sys.exit(MISSING)
    with TemporaryDirectory(prefix="reelseek-") as home, sync_playwright() as playwright:
        videos, clip = Path(home) / "videos", Path(home) / "a scene.mp4"
        manifest = write_collection(videos, _AN_ACTION)
        cut_scene(*scene_of(videos / "films.csv", _SCENE), clip)
        with Library.create(Path(home) / "library", load_encoder(DEFAULT)) as library:
            library.add([videos])
        browser = launch(playwright, program)
        with serving(Path(home) / "library", [videos]) as address:
            for name in take(browser, address, clip, manifest, folder):
                _shrink(folder / f"{name}.png")
                print(folder / f"{name}.png")
        browser.close()


def take(browser: Browser, address: str, clip: Path, manifest: Path, folder: Path) -> Iterator[str]:
    """Take each picture; gives its name."""
    visitor = _visitor(browser, folder, _LAPTOP)
    visitor.open(address)
    visitor.upload(clip)
    visitor.picture("search")
    yield "search"
    visitor.play()
    visitor.page.get_by_role("button", name="Pause").click()
    visitor.picture("player")
    yield "player"
    visitor.page.keyboard.press("Escape")
    visitor.go_to("Library")
    visitor.picture("library")
    yield "library"
    visitor.evaluate(manifest)
    visitor.page.locator("#rs-report").evaluate(_TO_TOP)
    visitor.picture("evaluate")
    yield "evaluate"
    visitor = _visitor(browser, folder, _PHONE, device_scale_factor=2, is_mobile=True, has_touch=True)
    visitor.open(address)
    visitor.upload(clip)
    visitor.page.wait_for_timeout(_SCROLL_MS)
    visitor.picture("phone")
    yield "phone"


def cut_scene(film: Path, span: Span, clip: Path) -> None:
    """A part of a video without its colours, with a logo, and compressed anew: not the file that is searched."""
    with av.open(film) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 25)
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    part: Frames = np.stack(frames[round(span.start * fps) : round(span.end * fps)])
    write_video(clip, logo(grey(part, np.random.default_rng(0)), np.random.default_rng(0)), fps, CRF)


def scene_of(films: Path, number: int) -> tuple[Path, Span]:
    """The film and the time of a scene, of the table that comes with the sample videos."""
    with films.open(newline="") as file:
        scene = list(csv.DictReader(file))[number]
    return films.parent / scene["path"], Span(float(scene["start"]), float(scene["end"]))


def _visitor(browser: Browser, folder: Path, size: tuple[int, int], **how: Any) -> Visitor:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", **how)
    return Visitor(context.new_page(), folder)


def _shrink(path: Path) -> None:
    with Image.open(path) as picture:
        whole = picture.convert("RGB")
    palette = whole.quantize(_COLOURS, kmeans=_REFINED)
    whole.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


if __name__ == "__main__":
    main()
