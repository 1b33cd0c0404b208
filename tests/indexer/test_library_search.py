from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest

from encoder.clips import Span
from encoder.errors import VideoError
from encoder.video import read_clips
from indexer.errors import LibraryError
from indexer.film import Film
from indexer.requests import Example, Filters, VideoRef
from indexer.search import align_videos
from indexer.sketches import sketches
from indexer.verify import verify


def path_of(library, match):
    return Path(library.catalog.paths([match.video_id])[match.video_id][0])


def decoded(path):
    with av.open(path) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", ["0.mp4", "4.mp4", "long.mp4"])
def test_a_video_of_the_library_answers_first_with_all_of_itself(filled, films, name):
    best = filled.search(films / name)[0]
    duration = 60 if name == "long.mp4" else 20
    assert path_of(filled, best).name == name
    assert best.score == pytest.approx(1, abs=0.01)
    for span in (best.segments[0].video, best.segments[0].query):
        assert (span.start, span.end) == pytest.approx((0, duration), abs=0.1)


@pytest.mark.parametrize("start", [7.0625, 21.31, 40.8125])
def test_a_cut_between_two_grid_frames_is_found_as_the_same_footage_within_a_grid_frame(filled, films, start):
    best = filled.search(Example(films / "long.mp4", Span(start, start + 3)))[0]
    assert path_of(filled, best).name == "long.mp4"
    assert best.score > 0.99
    assert best.segments[0].video.start == pytest.approx(start, abs=0.13)


def test_a_library_keeps_a_sketch_of_every_picture_of_the_grid(filled, films):
    ((video_id, _),) = [pair for pair in filled.catalog.paths().items() if pair[1] == [str(films / "2.mp4")]]
    film = Film.from_sketches(filled.catalog.sketches(video_id, Span(0, 60)), filled.checkpoint.spec.fps)
    assert film.times == pytest.approx(np.arange(80) / 4)
    clips = list(read_clips(films / "2.mp4", replace(filled.checkpoint.spec, frames=1, hop=1)))
    assert np.array_equal(film.pictures, sketches(np.concatenate([clip.frames for clip in clips])))


def test_the_footage_of_a_query_comes_before_what_is_more_alike_by_its_embeddings(filled, films, monkeypatch):
    found = filled.search(Example(films / "3.mp4", Span(2, 8)))
    monkeypatch.setattr("indexer.combine.align_videos", partial(_others_first, films))
    again = filled.search(Example(films / "3.mp4", Span(2, 8)))
    assert path_of(filled, found[0]) == path_of(filled, again[0]) == films / "3.mp4"
    assert again[0].score > 0.9
    assert len(again) == len(found)


def _others_first(films, query, usual, catalog, video_ids, spec):
    """Alignments by embeddings that are wrong: the right video scores least."""
    made = align_videos(query, usual, catalog, video_ids, spec)
    right = next(i for i, paths in catalog.paths().items() if paths == [str(films / "3.mp4")])
    return [
        replace(one, segments=[replace(part, score=0.4 if one.video_id == right else 0.6) for part in one.segments])
        for one in made
    ]


def test_warming_up_makes_the_network_and_the_index_ready(filled):
    filled.warm_up()
    assert "encoder" in vars(filled.checkpoint)
    assert filled.index._index.generation == filled.catalog.generation()


@pytest.mark.parametrize("start", [0.0, 21.3, 40.5, 57.0])
def test_three_seconds_of_a_long_video_are_found_at_their_time(filled, films, start):
    best = filled.search(Example(films / "long.mp4", Span(start, start + 3)))[0]
    assert path_of(filled, best).name == "long.mp4"
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((start, start + 3), abs=1)
    assert (best.segments[0].query.start, best.segments[0].query.end) == pytest.approx((start, start + 3), abs=1)


def test_a_cut_saved_as_a_file_of_its_own_is_found_at_its_time(filled, films, tmp_path, make_video):
    pictures = decoded(films / "long.mp4")[360:396]
    cut = make_video(
        tmp_path / "cut.mp4", [i / 12 for i in range(36)], pictures, codec="libx264", clock=12, last_s=1 / 12
    )
    best = filled.search(cut)[0]
    assert path_of(filled, best).name == "long.mp4"
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((30, 33), abs=1)


def test_a_query_longer_than_every_video_finds_the_part_it_shares(library, clip, videos, tmp_path, make_video):
    scenes = [clip(videos / f"scene {i}.mp4", 30 + i, seconds=5) for i in range(5)]
    pictures = [picture for scene in scenes for picture in decoded(scene)]
    times = [i / 12 for i in range(len(pictures))]
    film = make_video(tmp_path / "film.mp4", times, pictures, codec="libx264", clock=12, last_s=1 / 12)
    library.add([scenes[2], *(clip(videos / f"other {i}.mp4", i) for i in range(8))])
    best = library.search(film)[0]
    assert path_of(library, best).name == "scene 2.mp4"
    assert best.segments[0].query.start == pytest.approx(10, abs=1)  # and may seem to run slower, see align
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((0, 5), abs=1)
    assert best.score < 0.5


def test_a_query_shorter_than_a_window_finds_its_video(filled, films):
    best = filled.search(Example(films / "3.mp4", Span(10.0, 11.5)))[0]
    assert path_of(filled, best).name == "3.mp4"
    assert best.segments[0].video.start == pytest.approx(10, abs=1)


def test_an_empty_library_finds_nothing(library, films):
    assert library.search(films / "0.mp4") == []


def test_no_more_videos_are_listed_than_asked_for_and_scores_descend(filled, films):
    matches = filled.search(films / "1.mp4", k=3)
    assert len(matches) == 3
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)
    assert len(filled.search(films / "1.mp4", k=100)) == 7


def test_a_query_that_cannot_be_read_is_said(filled, films, tmp_path, found):
    with pytest.raises(VideoError, match="no such file"):
        filled.search(tmp_path / "nothing.mp4")
    with pytest.raises(VideoError, match="is a folder"):
        filled.search(films)
    with pytest.raises(VideoError, match=r"lasts 20\.0 s, so nothing lies at or after 30 s"):
        filled.search(Example(films / "0.mp4", Span(30.0, 40.0)))
    assert found(filled, films / "0.mp4")[0] == "0.mp4"  # and the next query works


def test_what_is_removed_is_not_found_any_more(filled, films, found):
    assert filled.remove([films / "2.mp4"]) == 1
    assert "2.mp4" not in found(filled, films / "2.mp4")
    assert verify(filled).problems == []
    assert filled.remove([films]) == 6
    assert filled.search(films / "2.mp4") == []
    with pytest.raises(LibraryError, match="is not in library"):
        filled.remove([films])


def test_a_video_that_disappears_between_lookup_and_alignment_is_left_out(filled, films, monkeypatch, found):
    from indexer import combine as searching

    candidates = searching.candidates

    def lose_one(*args, **how):
        videos = candidates(*args, **how)
        filled.catalog.drop_video(videos[0])
        return videos

    monkeypatch.setattr(searching, "candidates", lose_one)
    assert "0.mp4" not in found(filled, films / "0.mp4")


def test_a_segment_of_the_library_is_found_as_the_footage_it_is_without_reading_a_file(filled, films, monkeypatch):
    def nothing_is_read(*_):
        raise AssertionError

    monkeypatch.setattr(filled, "embed_query", nothing_is_read)
    (video_id,) = (i for i, paths in filled.catalog.paths().items() if paths == [str(films / "long.mp4")])
    best = filled.search(Example(VideoRef(video_id), Span(21.25, 25)))[0]
    assert best.video_id == video_id
    assert best.score > 0.99
    assert (best.segments[0].video.start, best.segments[0].video.end) == pytest.approx((21.25, 25), abs=0.1)


def test_examples_and_filters_go_together(filled, films):
    long = {"filters": Filters(min_duration=30)}
    assert [path_of(filled, match).name for match in filled.search(films / "0.mp4", **long)] == ["long.mp4"]
    assert filled.search(films / "0.mp4", filters=Filters(folder=films.parent / "nowhere")) == []
    unwanted = filled.search([films / "1.mp4", films / "2.mp4"], unlike=films / "1.mp4", k=7)
    assert path_of(filled, unwanted[0]).name == "2.mp4"
    assert path_of(filled, unwanted[-1]).name == "1.mp4"


def test_pages_make_up_the_whole_list(filled, films):
    whole = filled.search(films / "0.mp4", k=7)
    assert [match for at in (0, 3, 6) for match in filled.search(films / "0.mp4", k=3, offset=at)] == whole
    assert filled.search(films / "0.mp4", offset=7) == []


def test_a_search_for_nothing_or_for_a_video_that_is_not_there_is_refused(filled):
    with pytest.raises(ValueError, match="needs an example"):
        filled.search([])
    with pytest.raises(LibraryError, match="the library has no video 99"):
        filled.search(Example(VideoRef(99)))
