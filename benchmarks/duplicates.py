"""Are edited copies found by `reelseek duplicates`? Videos are edited, written and indexed beside the collection.

    python -m benchmarks.duplicates FOLDER... [--each 8] [--encoder FILE] [--same REGEX]... [--out FOLDER]

Of each source one edit is written, twice: as a file of its own, and 4 s of it between other footage. A copy is found if
the footage that it is said to share with its source is what it was made of, to a temporal IoU of 0.5 in both videos.
False is footage of a copy that is said to be that of another recording, or of a whole copy of one; what lies around an
inset may be its own.
"""

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from app.progress import StepProgress, clock
from benchmarks.copies import open_library
from benchmarks.duplicates_set import EDITS, PART, WHOLE, Copy, make_copies, read_copies, write_copies
from benchmarks.gallery import Gallery
from benchmarks.options import add_collection
from encoder.clips import Span
from encoder.errors import WorldError
from indexer.discover import resolve
from indexer.duplicates import Shared, find_shared
from indexer.evaluation import temporal_iou
from indexer.library import Library


@dataclass(frozen=True)
class Answer:
    """What is said of a copy."""

    copy: Copy
    begins_off: float | None  # seconds, the greater of both videos; None: not found
    ends_off: float | None
    false: list[str]  # paths of videos that it is said to share footage with and does not


class Judge:
    """Knows of which recordings the videos of a library are."""

    def __init__(self, gallery: Gallery, copies: Sequence[Copy]) -> None:
        self.video_of = {path: video for video, paths in gallery.paths.items() for path in paths}
        self.path_of = {video: path for path, video in self.video_of.items()}
        self.recordings = {video: gallery.right(video) for video in gallery.paths}
        for copy in copies:
            sources = [self.video_of[path] for path in (copy.source, copy.around) if path]
            self.recordings[self.video_of[copy.path]] = set[int]().union(*map(gallery.right, sources))
        self.films = {self.video_of[copy.path] for copy in copies if copy.form == PART}  # of many recordings

    def answers(self, copies: Sequence[Copy], shared: Sequence[Shared]) -> list[Answer]:
        """What is said of each copy."""
        said: dict[int, list[tuple[int, Span, Span]]] = defaultdict(list)
        for one in shared:
            said[one.a].append((one.b, one.stretch.a, one.stretch.b))
            said[one.b].append((one.a, one.stretch.b, one.stretch.a))
        return [self._answer(copy, said[self.video_of[copy.path]]) for copy in copies]

    def _answer(self, copy: Copy, said: Sequence[tuple[int, Span, Span]]) -> Answer:
        source, right = self.video_of[copy.source], self.recordings[self.video_of[copy.path]]
        found = [(here, there) for other, here, there in said if other == source and _is_found(copy, here, there)]
        begins_off, ends_off = min((_off(copy, *pair) for pair in found), key=sum, default=(None, None))
        false = {
            self.path_of[other]
            for other, here, _ in said
            if here.shared(copy.span) > here.duration / 2
            if other not in self.films and not right & self.recordings[other]
        }
        return Answer(copy, begins_off, ends_off, sorted(false))


def _is_found(copy: Copy, here: Span, there: Span) -> bool:
    found, truth = ([(one.start, one.end) for one in pair] for pair in ((here, there), (copy.span, copy.source_span)))
    return bool((temporal_iou(found, truth) >= 0.5).all())


def _off(copy: Copy, here: Span, there: Span) -> tuple[float, float]:
    pairs = (here, copy.span), (there, copy.source_span)
    begin, end = (max(abs(getattr(a, edge) - getattr(b, edge)) for a, b in pairs) for edge in ("start", "end"))
    return begin, end


def table(answers: Sequence[Answer]) -> str:
    """What was measured, as Markdown."""
    lines = ["| edit | whole | part | start off by | end off by | false |", "|---|---:|---:|---:|---:|---:|"]
    for name in [*EDITS, "all"]:
        some = [one for one in answers if name in (one.copy.edit, "all")]
        shares = [_share([one for one in some if one.copy.form == form]) for form in (WHOLE, PART)]
        ends = [[one.begins_off for one in some], [one.ends_off for one in some]]
        off = [_seconds([each for each in end if each is not None]) for end in ends]
        lines.append(f"| {name} | {' | '.join([*shares, *off])} | {sum(len(one.false) for one in some)} |")
    return "\n".join(lines)


def _share(answers: Sequence[Answer]) -> str:
    return f"{sum(one.begins_off is not None for one in answers)} of {len(answers)}"


def _seconds(values: Sequence[float]) -> str:
    """Median and 90 % quantile."""
    return "{:.2f} / {:.2f} s".format(*np.quantile(values, (0.5, 0.9))) if values else "-"


def measure(library: Library, copies: Sequence[Copy], same: Sequence[str]) -> tuple[list[Answer], float]:
    """What is said of copies in a library, and the seconds of a processor that it took to compare all of it."""
    fps, began = library.checkpoint.spec.fps, time.process_time()
    with StepProgress("Comparing") as progress:
        found = find_shared(
            library.catalog, library.index.current(), fps, lambda done, total: progress.count("clips", done, total)
        )
    seconds = time.process_time() - began
    return Judge(Gallery(library, same), copies).answers(copies, found), seconds


def main() -> None:
    """Make the copies where they are not there yet, compare, print the table and write duplicates.json."""
    parser = argparse.ArgumentParser(description="Measure how well edited copies and parts are found by duplicates.")
    add = parser.add_argument
    add_collection(parser, "the collection: videos of it are edited, and compared with all of it", "duplicates")
    add("--each", type=int, default=8, help="videos that each edit is made of")
    wanted = parser.parse_args()
    folder = (wanted.out / f"copies-{wanted.each}-{wanted.seed}").resolve()
    try:
        with open_library(wanted.out, wanted.folders, wanted.encoder) as library:
            if not (folder / "copies.json").exists():
                folder.mkdir(parents=True, exist_ok=True)
                gallery = Gallery(library, wanted.same)
                copies = make_copies(gallery, resolve(wanted.folders), folder, wanted.each, wanted.seed)
                write_copies(folder / "copies.json", copies)
            library.add([folder])
            answers, seconds = measure(library, read_copies(folder / "copies.json"), wanted.same)
    except WorldError as error:
        sys.exit(str(error))
    print(table(answers))
    print(f"compared in {clock(seconds)} of one processor")
    (wanted.out / "duplicates.json").write_text(
        json.dumps([asdict(one) for one in answers], indent=1), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
