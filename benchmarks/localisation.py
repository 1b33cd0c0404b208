"""Are the seconds right? Cuts of 3 s are hidden in files of ten minutes, and searched for, as by `reelseek search`.

    python -m benchmarks.localisation FOLDER... [--mode copy] [--files 6] [--encoder FILE] [--same REGEX]...

The library holds the long files alone; a query is the part of the original video that was hidden. It is found if the
best segment of the first video is where it was hidden, to a temporal IoU of 0.5 or 0.75. Micro-AP ranks the segments of
all queries together; each query has one right segment, the first of IoU 0.5 or more.

A cut that is hidden reversed is not the same scene, so where one lies forwards and reversed in one file, only the
former is right. Where it is hidden reversed alone, its place is the best answer there is.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from app.progress import StepProgress
from benchmarks.copies import open_library
from benchmarks.edits import Kind, Rng, backwards, speed, unedited
from benchmarks.gallery import Gallery
from benchmarks.hiding import FPS, Cut, Hidden, hide, shape_of
from benchmarks.options import add_collection
from benchmarks.sources import Source, draw_sources, turning
from encoder.clips import Span
from encoder.errors import WorldError
from indexer.discover import resolve
from indexer.evaluation import bootstrap_interval, localisation_recall, micro_ap, temporal_iou
from indexer.library import Library
from indexer.requests import Example, Mode
from indexer.tables import Video

CUT_S, LONG_S = 3.0, 600.0
TURNS = 3.0  # grey levels: `turning` of a cut whose reverse must be told apart
AS_IT_IS, REVERSED = "re-encoded only", "reversed"
BESIDE = "reversed beside it"
DECOY = Kind("decoy", "", backwards)  # nobody asks for it
_EDITS = {
    AS_IT_IS: Kind(AS_IT_IS, "", unedited),
    **{
        f"speed {factor:g}": Kind(f"speed {factor:g}", "", partial(speed, factor=factor))
        for factor in (0.5, 0.75, 1.5, 2.0)
    },
    REVERSED: Kind(REVERSED, "", backwards),
    BESIDE: Kind(BESIDE, "", unedited),
}
_PER_FILE: Mapping[str, int] = {**dict.fromkeys(_EDITS, 2), AS_IT_IS: 8, REVERSED: 4, BESIDE: 4}


@dataclass(frozen=True)
class Place:
    """A segment that a search found."""

    file: str
    span: Span
    score: float


@dataclass(frozen=True)
class Answer:
    """Where a cut is hidden, and the segments that its search found: of each file best first, the best file first."""

    hidden: Hidden
    found: list[Place]

    @property
    def overlaps(self) -> list[float]:
        """Temporal IoU of each segment with where the cut is; 0 in another file."""
        truth = self.hidden.span.start, self.hidden.span.end
        alike = [float(temporal_iou((one.span.start, one.span.end), truth)) for one in self.found]
        return [iou if one.file == self.hidden.file else 0.0 for iou, one in zip(alike, self.found, strict=True)]


def segments_ap(answers: Sequence[Answer], least: float = 0.5) -> float:
    """Micro-AP of the segments of all queries; of several right ones of a query the first counts."""
    scores, right = [], []
    for answer in answers:
        hits = [overlap >= least for overlap in answer.overlaps]
        first = hits.index(True) if any(hits) else len(hits)
        kept = [i for i, hit in enumerate(hits) if not hit or i == first]
        scores += [answer.found[i].score for i in kept]
        right += [hits[i] for i in kept]
    return micro_ap(scores, right, len(answers))


def make_files(gallery: Gallery, roots: Sequence[str], folder: Path, files: int, seed: int) -> list[Hidden]:
    """Write long files of the videos below some folders, and what is hidden in them to hidden.json."""
    videos = gallery.videos(roots, 0.0)
    cuts = list(islice(_cuts(gallery, videos, np.random.default_rng([seed, 0])), files))
    taken = set[int]().union(*(gallery.right(cut.source.video) for _, some in cuts for cut in some))
    free = {path: video for path, video in videos.items() if video.id not in taken}
    hidden: list[Hidden] = []
    with StepProgress("Hiding") as progress:
        for number, (shape, some) in enumerate(cuts, 1):
            footage = {path: video for path, video in free.items() if shape_of(video) == shape}
            rng, path = np.random.default_rng([seed, 1, number]), folder / f"long-{number}.mp4"
            hidden += hide(some, shape, footage, round(LONG_S * FPS), path, rng)
            progress.count("files", number, files)
    return hidden


def _cuts(gallery: Gallery, videos: Mapping[str, Video], rng: Rng) -> Iterator[tuple[str, list[Cut]]]:
    """The cuts of each file, and its shape: that of which most footage is left."""
    left: dict[str, float] = defaultdict(float)
    for video in videos.values():
        left[shape_of(video)] += video.duration
    taken: set[int] = set()
    sources = {shape: _sources(gallery, videos, shape, taken, rng) for shape in left}
    while True:
        shape = max(left, key=lambda name: left[name])
        left[shape] -= LONG_S
        yield shape, _one_of_each(sources[shape], rng)


def _sources(gallery: Gallery, videos: Mapping[str, Video], shape: str, taken: set[int], rng: Rng) -> Iterator[Source]:
    """Moving parts of the videos of a shape, no recording twice."""
    long = {path: one for path, one in videos.items() if one.duration >= CUT_S and shape_of(one) == shape}
    for source in draw_sources(long, rng, CUT_S):
        if source.video not in taken:
            taken |= gallery.right(source.video)
            yield source


def _one_of_each(sources: Iterator[Source], rng: Rng) -> list[Cut]:
    """The cuts of one file, in random order."""
    wanted = [name for name, number in reversed(list(_PER_FILE.items())) for _ in range(number)]
    cuts: list[Cut] = []
    for source in sources:
        turns = turning(source.frames) > TURNS
        name = next((name for name in wanted if turns or name not in (REVERSED, BESIDE)), None)
        if name is None:
            continue
        wanted.remove(name)
        cuts.append(Cut(source, _EDITS[name]))
        cuts += [Cut(source, DECOY)] if name == BESIDE else []
        if not wanted:
            break
    return [cuts[i] for i in rng.permutation(len(cuts))]


def search_all(library: Library, hidden: Sequence[Hidden], mode: Mode) -> list[Answer]:
    """Search for every cut that is asked for, in a mode."""
    asked, answers = [one for one in hidden if one.edit != DECOY.name], []
    names = {video: Path(paths[0]).name for video, paths in library.catalog.paths().items()}
    with StepProgress("Searching") as progress:
        for done, one in enumerate(asked, 1):
            matches = library.search(Example(one.path, one.source), mode=mode)
            found = [
                Place(names[match.video_id], segment.video, segment.score)
                for match in matches
                for segment in match.segments
            ]
            answers.append(Answer(one, found))
            progress.count("cuts", done, len(asked))
    return answers


def table(answers: Sequence[Answer]) -> str:
    """What was measured, as Markdown."""
    lines = [
        "| hidden | cuts | IoU >= 0.5 | 95 % interval | IoU >= 0.75 | micro-AP |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    kinds = dict.fromkeys(
        one.hidden.edit for one in sorted(answers, key=lambda one: list(_EDITS).index(one.hidden.edit))
    )
    groups = {name: [one for one in answers if one.hidden.edit == name] for name in kinds}
    groups["all but reversed"] = [one for one in answers if one.hidden.edit != REVERSED]
    for name, some in groups.items():
        found = [max(one.overlaps[:1], default=0.0) >= 0.5 for one in some]
        low, high = bootstrap_interval(found, np.arange(len(found)), np.random.default_rng(0))
        recall = localisation_recall([one.overlaps for one in some])
        interval = f"{recall[0.5]:.1%} | {low:.0%} to {high:.0%}"
        lines.append(f"| {name} | {len(some)} | {interval} | {recall[0.75]:.1%} | {segments_ap(some):.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Make the files where they are not there yet, search, print the table and write localisation-MODE.json."""
    parser = argparse.ArgumentParser(description="Measure how well short cuts are found in long files.")
    add = parser.add_argument
    add_collection(parser, "videos that cuts and files are made of", "localisation")
    add("--mode", type=Mode, choices=list(Mode), default=Mode.COPY, help="what counts as an answer")
    add("--files", type=int, default=6, help=f"of {LONG_S:g} s, each with {sum(_PER_FILE.values())} cuts")
    wanted = parser.parse_args()
    long = wanted.out / f"long-{wanted.files}-{wanted.seed}"
    try:
        if not (long / "hidden.json").exists():
            long.mkdir(parents=True, exist_ok=True)
            with open_library(wanted.out, wanted.folders, wanted.encoder) as collection:
                gallery = Gallery(collection, wanted.same)
                hidden = make_files(gallery, resolve(wanted.folders), long, wanted.files, wanted.seed)
            write_json(long / "hidden.json", hidden)
        with open_library(long.with_name(f"{long.name}-libraries"), [long], wanted.encoder) as library:
            answers = search_all(library, read_hidden(long / "hidden.json"), wanted.mode)
    except WorldError as error:
        sys.exit(str(error))
    print(table(answers))
    write_json(wanted.out / f"localisation-{wanted.mode}.json", answers)


def write_json(path: Path, rows: Sequence[Hidden | Answer]) -> None:
    """Write records."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")


def read_hidden(path: Path) -> list[Hidden]:
    """What `write_json` wrote."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Hidden(**{**row, "source": Span(**row["source"]), "span": Span(**row["span"])}) for row in rows]


if __name__ == "__main__":
    main()
