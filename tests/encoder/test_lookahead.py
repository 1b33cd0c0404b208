from types import SimpleNamespace

import pytest

from encoder.lookahead import Moments, drops_only_unused, with_unseen


def stored(*times, cut_off=()):
    return [SimpleNamespace(pts=time, is_discard=time in cut_off) for time in times]


def unseen(packets, is_unseen=lambda start, end: True):
    return [packet.pts for packet, flag in with_unseen(packets, is_unseen) if flag]


def test_all_packets_come_in_their_order():
    packets = stored(*range(20), None)
    assert [packet for packet, _ in with_unseen(iter(packets), lambda start, end: True)] == packets
    assert list(with_unseen([], lambda start, end: True)) == []


def test_a_picture_is_on_until_the_next_that_is_shown():
    asked = []
    unseen(stored(0, 2, 1, 4, 3, 8, 6, 5, 7), lambda start, end: asked.append((start, end)))
    assert sorted(asked) == [(time, time + 1) for time in range(8)]


def test_the_last_picture_and_one_without_a_time_are_always_decoded():
    assert unseen(stored(0, 1, None, 2)) == [0, 1]


def test_a_picture_whose_next_is_far_off_in_the_file_is_taken_to_be_on_for_longer():
    asked = {}
    unseen(stored(0, 100, *range(2, 20), 1), lambda start, end: asked.update({start: end}))
    assert asked[0] == 2  # 1 is not known of yet
    assert all(end > start for start, end in asked.items())


def test_a_picture_that_is_cut_off_ends_no_other():
    assert unseen(stored(0, 1, 2, cut_off=[2])) == [0]


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0.51, 0.6, False),
        (0.49, 0.51, True),
        (0.26, 0.49, False),
        (0.25, 0.26, True),
        (0.2500009, 0.26, True),  # a rounded time
        (0.2, 0.25, True),  # on the border
        (-5, -1, False),
        (-1, 0.1, True),
        (0.1, 3.0, True),
    ],
)
def test_moments_lie_between_two_times_or_not(start, end, found):
    assert Moments(1 / 3, 4).between(start + 1 / 3, end + 1 / 3) == found
    assert Moments(0, 4).between(start, end) == found


@pytest.mark.parametrize(
    ("codec", "layers", "only"),
    [("h264", None, True), ("hevc", 1, True), ("hevc", 2, False), ("hevc", None, False), ("vp9", None, False)],
)
def test_decoders_are_told_to_drop_pictures_only_where_they_drop_the_right_ones(codec, layers, only):
    record = None if layers is None else bytes([1, *[0] * 20, layers << 3, 0])
    assert drops_only_unused(codec, record) == only
