import numpy as np
import pytest

from indexer.ranges import ClipRanges

IDS, VIDEOS = np.array([3, 4, 5, 6, 9, 10, 11]), np.array([7, 7, 2, 2, 2, 5, 7])


@pytest.fixture
def ranges():
    return ClipRanges.of_clips(IDS, VIDEOS)


def test_a_range_ends_where_the_video_changes_or_an_id_is_missing(ranges):
    rows = zip(ranges.firsts.tolist(), ranges.lasts.tolist(), ranges.videos.tolist(), strict=True)
    assert list(rows) == [(3, 4, 7), (5, 6, 2), (9, 9, 2), (10, 10, 5), (11, 11, 7)]


def test_ranges_hold_the_ids_that_they_were_made_of(ranges):
    assert ranges.ids().tolist() == IDS.tolist()
    assert (len(ranges), ranges.last) == (7, 11)


def test_each_id_has_its_video_and_an_unknown_one_has_none(ranges):
    ids = np.arange(-1, 14)
    video_of = dict(zip(IDS.tolist(), VIDEOS.tolist(), strict=True))
    assert ranges.videos_of(ids).tolist() == [video_of.get(i, 0) for i in ids.tolist()]


def test_ranges_of_higher_ids_can_follow(ranges):
    cut = 3  # within a video
    joined = ClipRanges.of_clips(IDS[:cut], VIDEOS[:cut]).followed_by(ClipRanges.of_clips(IDS[cut:], VIDEOS[cut:]))
    assert joined.ids().tolist() == IDS.tolist()
    assert joined.videos_of(IDS).tolist() == VIDEOS.tolist()


def test_ranges_of_no_clip_hold_nothing(ranges):
    none = ClipRanges.of_clips(IDS[:0], VIDEOS[:0])
    assert (len(none), none.last, none.ids().tolist()) == (0, 0, [])
    assert none.videos_of(IDS).tolist() == [0] * 7
    assert none.followed_by(ranges).ids().tolist() == ranges.followed_by(none).ids().tolist() == IDS.tolist()


def test_ranges_of_some_videos_hold_their_clips_only(ranges):
    some = ranges.of_videos(np.array([2, 5, 8]))
    assert some.ids().tolist() == [5, 6, 9, 10]
    assert ranges.of_videos(np.empty(0, np.int64)).ids().tolist() == []
