"""Which queries a report shows with their answers, and a small picture of each video shown."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from app.media import fitted
from app.report.evaluation import Evaluation
from encoder.clips import ClipSpec
from encoder.decoding import Decoded, DecodePool, Job, Opened
from encoder.video import VideoInfo
from indexer.answers import Answers

_SHOWN = 12  # queries of each kind
_SIDE, _QUALITY = 128, 80  # pixels, the longer side; of JPEG
_HALVES = ClipSpec(frames=2, fps=1, size=_SIDE, hop=1)  # stretched over a video, its second picture is the middle

Thumbnails = Mapping[str, bytes]  # path -> JPEG
Item = TypeVar("Item")


def examples(evaluation: Evaluation) -> tuple[list[Answers], list[Answers]]:
    """A dozen queries whose first answer is wrong and a dozen whose is right, evenly by class, the same each time."""
    answerable = [one for one in evaluation.answers if one.rank is not None]
    wrong, right = ([one for one in answerable if one.right is kind] for kind in (False, True))
    return _spread(wrong, evaluation.labels), _spread(right, evaluation.labels)


def thumbnails(evaluation: Evaluation, pool: DecodePool) -> Thumbnails:
    """A picture from the middle of each video that the examples show, but of those that can't be read any more."""
    chosen = [one for kind in examples(evaluation) for one in kind]
    rows = sorted({row for one in chosen for row in (one.row, *one.best)})
    return _pictures([str(evaluation.samples[row].path) for row in rows], pool)


def _spread(answers: list[Answers], labels: list[str]) -> list[Answers]:
    """At most a dozen, from as many classes as there are, spread over the queries of each."""
    by_class: dict[str, list[Answers]] = {}
    for one in sorted(answers, key=lambda one: (labels[one.row], one.row)):
        by_class.setdefault(labels[one.row], []).append(one)
    kept = [by_class[name] for name in _evenly(list(by_class))]
    by_turns = sorted((turn, place) for place, own in enumerate(kept) for turn in range(len(own)))
    shares = Counter(place for _, place in by_turns[:_SHOWN])
    return [one for place, own in enumerate(kept) for one in _evenly(own, shares[place])]


def _evenly(items: list[Item], count: int = _SHOWN) -> list[Item]:
    """At most `count` of the items, the middles of as many equal parts."""
    count = min(count, len(items))
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]


def _pictures(paths: Iterable[str], pool: DecodePool) -> Thumbnails:
    infos: dict[str, VideoInfo] = {}
    made: dict[str, bytes] = {}
    for event in pool.decode(Job(path, _HALVES, stretched=True) for path in paths):
        if isinstance(event, Opened):
            infos[event.path] = event.info
        elif isinstance(event, Decoded):
            made[event.path] = _jpeg(event.frames[0, -1], infos[event.path])
    return made


def _jpeg(square: NDArray[np.uint8], info: VideoInfo) -> bytes:
    shaped = cv2.resize(square, fitted(info.width, info.height, _SIDE), interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", cv2.cvtColor(shaped, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    return data.tobytes()
