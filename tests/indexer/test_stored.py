import numpy as np
import pytest

from encoder.clips import Span
from encoder.video import VideoInfo
from indexer import schema
from indexer.catalog import Catalog
from indexer.records import EncodedVideo, FileState
from indexer.requests import VideoRef
from indexer.sketches import pack
from indexer.stored import NoVideoError, stored_query
from tests.indexer.conftest import SPEC

CLIPS, LONG = 9, 3000
INFO = VideoInfo(10.0, 64, 48, 25.0, "h264")


def encoded(clips, rng):
    """A clip a second, each 2 s long; pictures that all differ."""
    vectors = rng.normal(size=(clips, 8)).astype(np.float16).astype(np.float32)
    pictures = rng.integers(0, 256, (4 * (clips + 1), 16, 16), np.uint8)
    packed = [pack(pictures[4 * i : 4 * i + (4 if i < clips - 1 else 8)]) for i in range(clips)]
    return EncodedVideo(INFO, clips + 1.0, 0, [Span(i, i + 2.0) for i in range(clips)], vectors, packed), pictures


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A catalog of a video of 10 s and a long one; what the first is made of."""
    catalog = Catalog(f"sqlite:///{tmp_path_factory.mktemp('catalog')}/catalog.sqlite")
    schema.upgrade(catalog.engine)
    rng = np.random.default_rng(0)
    video, pictures = encoded(CLIPS, rng)
    catalog.add_video(FileState("/a", 1, 1), "a", video)
    catalog.add_video(FileState("/b", 1, 1), "b", encoded(LONG, rng)[0])
    yield catalog, video, pictures
    catalog.close()


@pytest.mark.parametrize(
    ("span", "asked", "rows"),
    [
        (None, (0, 10), range(9)),
        (Span(2, 6), (2, 6), range(2, 5)),
        (Span(2.1, 6.1), (2.1, 6.1), range(3, 5)),
        (Span(8, 99), (8, 10), [8]),
        (Span(3.25, 4.75), (3.25, 4.75), [3]),  # shorter than a clip
        (Span(3.5, 3.51), (3.5, 3.51), [2]),
    ],
)
def test_a_part_is_made_of_the_clips_that_lie_in_it_or_of_the_one_that_covers_most_of_it(stored, span, asked, rows):
    catalog, video, _ = stored
    (reading,) = stored_query(VideoRef(1), span, catalog, SPEC).readings
    assert (reading.timeline.span.start, reading.timeline.span.end) == asked
    assert reading.timeline.starts.tolist() == [float(row) for row in rows]
    assert (reading.embeddings == video.embeddings[list(rows)]).all()


def test_its_pictures_are_those_that_the_library_keeps_at_their_times(stored):
    catalog, _, pictures = stored
    strip = stored_query(VideoRef(1), Span(2.6, 6), catalog, SPEC).readings[0].strip
    assert strip is not None
    film = strip.film
    assert film.times == pytest.approx(2.5 + np.arange(14) / 4)
    assert np.array_equal(film.pictures, pictures[10:24])


def test_of_a_long_part_some_clips_are_enough_and_no_pictures(stored):
    (reading,) = stored_query(VideoRef(2), None, stored[0], SPEC).readings
    assert 100 < len(reading.embeddings) <= 128
    assert reading.timeline.span == Span(0, LONG + 1)
    assert reading.strip is None


def test_what_the_library_does_not_have_is_said(stored):
    with pytest.raises(NoVideoError, match=r'the library has no video 7; the id of a result is its "video" in --json'):
        stored_query(VideoRef(7), None, stored[0], SPEC)
    with pytest.raises(NoVideoError, match=r"video 1 of the library lasts 10\.0 s, so nothing lies at 10 s"):
        stored_query(VideoRef(1), Span(10, 12), stored[0], SPEC)
