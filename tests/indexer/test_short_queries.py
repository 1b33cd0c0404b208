"""A query that is hardly longer than a clip: its windows tell little, its pictures tell where it is and how fast."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.copies import write_video
from encoder.clips import Span
from indexer.background import Background
from indexer.copies import footage_among
from indexer.requests import Example
from indexer.search import align_videos
from tests.indexer.test_intros import drift

FPS = 8
SCENE = drift(77, seconds=7.0)


@pytest.fixture
def film(library, videos):
    """A library of three films, in one of which a scene of 7 s runs twice as fast, from 3 s on."""
    for number in range(2):
        write_video(videos / f"{number}.mp4", drift(number, seconds=9.0), FPS, 20)
    write_video(videos / "right.mp4", np.concatenate([drift(78), SCENE[::2], drift(79)]), FPS, 20)
    library.add([videos])
    return library


def shown(library, path, span):
    """What the pictures find of a part of a file, where embeddings found the first second of every film."""
    query = library.query_of(Example(path, span))
    index, spec, catalog = library.index.current(), library.checkpoint.spec, library.catalog
    found = align_videos(query, Background.of(query.embeddings, index), catalog, list(catalog.paths()), spec)
    misled = [replace(one, segments=[replace(one.segments[0], video=Span(0, 1))]) for one in found]
    names = {video: paths[0].rsplit("/", 1)[-1] for video, paths in catalog.paths().items()}
    return [(names[video], segment) for video, segment in footage_among(misled, query, catalog, spec)]


def test_a_short_scene_is_found_where_it_runs_twice_as_fast(film, tmp_path):
    write_video(tmp_path / "scene.mp4", SCENE, FPS, 20)
    [(name, segment)] = shown(film, tmp_path / "scene.mp4", Span(2.0, 5.5))
    assert name == "right.mp4"
    assert (segment.video.start, segment.video.end) == pytest.approx((4.0, 5.75), abs=0.25)
    assert segment.tempo == pytest.approx(0.5, abs=0.06)
    assert 0.2 < segment.score <= 1
    best = film.search(Example(tmp_path / "scene.mp4", Span(2.0, 5.5)))[0].segments[0]
    assert best.score >= segment.score
    assert best.video.shared(segment.video) > 1


def test_a_longer_scene_is_left_to_its_windows(film, tmp_path):
    write_video(tmp_path / "scene.mp4", SCENE, FPS, 20)
    assert shown(film, tmp_path / "scene.mp4", Span(2.0, 6.5)) == []


def test_a_scene_that_runs_backwards_is_not_the_same_scene(film, tmp_path):
    write_video(tmp_path / "scene.mp4", SCENE[::-1], FPS, 20)
    assert shown(film, tmp_path / "scene.mp4", Span(2.0, 5.5)) == []
