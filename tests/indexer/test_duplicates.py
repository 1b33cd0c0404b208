import cv2
import numpy as np
import pytest

from encoder.clips import ClipSpec, Span
from encoder.video import read_clips
from indexer import duplicates
from indexer.coverage import cover
from indexer.duplicates import Shared, find_shared, grouped
from indexer.library import Library
from indexer.material import material
from indexer.requests import VideoRef
from indexer.tracing import Stretch

FPS = 24
REAL = [
    "unlabelled/misc/Periodic-Video-Patterns__Videos__17.mp4",
    "unlabelled/atari_ale/docs/_static/videos/environments/journey_escape.mp4",
    "unlabelled/misc/Periodic-Video-Patterns__Videos__2.mp4",
]
EDITS = [  # (which, from and to which second, tempo, mirrored) of what a film is cut together from
    (0, 0.0, 6.0, 1.0, False),
    (1, 1.5, 6.5, 1.0, True),
    (2, 1.0, 7.0, 0.75, False),
]


def pictures(path):
    spec = ClipSpec(frames=1, fps=FPS, size=96, hop=1)
    return np.concatenate([clip.frames for clip in read_clips(path, spec, Span(0, 9))])


def film_of(sources):
    """The pictures of the film, and when each part begins and ends in it."""
    parts, spans, at = [], [], 0.0
    for which, start, end, tempo, mirrored in EDITS:
        rows = (start * FPS + np.arange((end - start) / tempo * FPS) * tempo).astype(int)
        part = sources[which][rows]
        parts.append(part[:, :, ::-1] if mirrored else part)
        spans.append((at, at + len(rows) / FPS))
        at = spans[-1][1]
    return np.concatenate(parts), spans


@pytest.fixture(scope="module")
def edited(shared_data, make_video, tmp_path_factory, checkpoint, use_pool):
    """A library of three real videos and a film of parts of them; the paths, and where the parts lie in the film."""
    folder = tmp_path_factory.mktemp("edited")
    sources = [pictures(shared_data / name) for name in REAL]
    film, spans = film_of(sources)
    for number, each in enumerate([*sources, film]):
        blurred = [cv2.GaussianBlur(picture, (3, 3), 0) if number == 3 else picture for picture in each]
        times = [i / FPS for i in range(len(each))]
        make_video(folder / f"{number}.mp4", times, blurred, codec="libx264", clock=FPS, last_s=1 / FPS)
    with pytest.MonkeyPatch.context() as patch:
        use_pool(patch)
        with Library.create(folder / "library", checkpoint) as library:
            assert library.add([folder]).indexed == 4
            yield library, folder, spans


def near(span, start, end):
    return (span.start, span.end) == pytest.approx((start, end), abs=0.25)


def test_parts_of_real_videos_are_found_in_a_film_with_their_times(edited):
    library, folder, spans = edited
    told = []
    spec = library.checkpoint.spec
    found = find_shared(library.catalog, library.index.current(), spec.fps, lambda *done: told.append(done))
    ids = {paths[0]: video for video, paths in library.catalog.paths().items()}
    film = ids[str(folder / "3.mp4")]
    assert len(found) == len(EDITS)
    for (which, start, end, tempo, mirrored), span in zip(EDITS, spans, strict=True):
        (one,) = (one for one in found if {one.a, one.b} == {ids[str(folder / f"{which}.mp4")], film})
        stretch = one.stretch if one.b == film else one.stretch.reversed()
        assert near(stretch.a, start, end)
        assert near(stretch.b, *span)
        assert stretch.tempo == pytest.approx(1 / tempo, rel=0.05)
        assert stretch.mirrored == mirrored
        assert not one.whole
    assert told[-1] == (len(library.catalog.clip_ids()),) * 2
    (group,) = grouped(found)
    assert (group.kind, sorted(group.videos)) == ("partial", sorted(ids.values()))


def test_a_film_is_covered_by_the_videos_that_it_was_cut_from(edited):
    library, folder, spans = edited
    film = material(library, folder / "3.mp4")
    found = cover(library, film)
    assert [source.name for source in found.sources] == [str(folder / f"{which}.mp4") for which, *_ in EDITS]
    assert found.covered == pytest.approx(found.duration, abs=0.5)
    for source, span in zip(found.sources, spans, strict=True):
        (stretch,) = source.stretches
        assert near(stretch.a, *span)
    some = cover(library, film, [material(library, folder / "1.mp4")])
    assert [source.name for source in some.sources] == [str(folder / "1.mp4")]
    assert some.sources[0].stretches == found.sources[1].stretches


def test_a_file_that_the_library_does_not_have_is_read(edited, monkeypatch, pool, tmp_path):
    library, folder, _ = edited
    (tmp_path / "new.mp4").write_bytes((folder / "1.mp4").read_bytes())
    monkeypatch.setattr("indexer.material.DecodePool", lambda *_: pool)
    read, stored = material(library, tmp_path / "new.mp4"), material(library, folder / "1.mp4")
    assert (read.video_id, read.name) == (None, str(tmp_path / "new.mp4"))
    assert stored.video_id is not None
    assert material(library, VideoRef(stored.video_id)).name == stored.name
    assert np.array_equal(read.reel.film.pictures, stored.reel.film.pictures)
    assert read.embeddings == pytest.approx(stored.embeddings, abs=2e-3)
    (source, *_) = cover(library, read).sources
    assert near(source.stretches[0].a, 0, read.reel.end)


# Groups


def shared(a, b, whole):
    return Shared(a, b, Stretch(Span(0, 5), Span(0, 5), 1.0, False, 0.9), whole)


def test_videos_that_copies_of_all_of_them_link_are_whole_copies():
    groups = grouped([shared(1, 2, True), shared(2, 3, True), shared(1, 3, False), shared(7, 8, False)])
    assert [(group.kind, group.videos) for group in groups] == [("whole", [1, 2, 3]), ("partial", [7, 8])]
    assert [len(group.shared) for group in groups] == [3, 1]


def test_one_part_in_common_makes_a_group_of_whole_copies_partial():
    (group,) = grouped([shared(1, 2, True), shared(2, 3, False)])
    assert (group.kind, group.videos) == ("partial", [1, 2, 3])


def test_identical_files_are_a_group_or_part_of_a_larger_one():
    groups = grouped([shared(1, 2, True)], copied=[2, 9])
    assert [(group.kind, group.videos) for group in groups] == [("whole", [1, 2]), ("identical", [9])]
    assert grouped([]) == []


# Footage or another take


@pytest.mark.parametrize(
    ("seconds", "score", "kept"), [(2, 0.98, 0), (2, 0.99, 1), (4, 0.95, 1), (6, 0.87, 0), (6, 0.91, 1), (60, 0.87, 0)]
)
def test_a_short_stretch_has_to_agree_more_than_a_long_one(monkeypatch, seconds, score, kept):
    stretch = Stretch(Span(0, seconds), Span(0, seconds), 1.0, False, score)
    monkeypatch.setattr(duplicates, "trace", lambda *_: stretch)
    assert len(duplicates.stretches(None, None, duplicates.Hits(np.zeros(1), np.zeros(1)))) == kept


def test_a_repetition_of_the_movement_gives_way_to_the_footage(monkeypatch):
    repeated = Stretch(Span(0, 6), Span(3, 9), 1.0, False, 0.94)
    footage = Stretch(Span(0, 6), Span(0, 6), 1.0, False, 0.99)
    traced = {3.0: repeated, 0.0: footage}
    monkeypatch.setattr(duplicates, "trace", lambda a, b, in_a, in_b: traced[in_b])
    hits = duplicates.Hits(np.zeros(2), np.array([3.0, 0.0]))
    assert duplicates.stretches(None, None, hits) == [footage]


def test_what_is_not_sure_does_not_explain_the_moments_at_which_the_footage_is_found(monkeypatch):
    vague = Stretch(Span(0, 6), Span(0, 6), 1.0, False, 0.85)
    footage = Stretch(Span(0, 6), Span(0.1, 6.1), 1.0, False, 0.99)
    traced = {0.0: vague, 2.0: footage, 4.0: vague}
    monkeypatch.setattr(duplicates, "trace", lambda a, b, in_a, in_b: traced[in_a])
    assert duplicates.stretches(None, None, duplicates.Hits(np.array([0.0, 2.0, 4.0]), np.array([0.0, 2.0, 4.0]))) == [
        footage
    ]
