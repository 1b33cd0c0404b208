import random
from itertools import pairwise

import pytest

from encoder.clips import Span
from indexer.align import Segment
from indexer.paging import page
from indexer.search import Match


def match(video_id, score):
    return Match(video_id, [Segment(Span(0, 1), Span(0, 1), score, 1.0)])


def searcher(videos):
    """Searches that find the more, and rank it the more differently, the deeper they look; many scores are equal."""
    depths = []

    def ranked(depth):
        depths.append(depth)
        seen = random.Random(depth).sample(range(videos), min(videos, 2 * depth))
        found = [match(video, random.Random(f"{video} {depth}").randint(0, 5) / 5) for video in seen]
        return sorted(found, key=lambda one: (-one.score, one.video_id))[:depth]

    return ranked, depths


def ids(matches):
    return [one.video_id for one in matches]


@pytest.mark.parametrize(("size", "videos"), [(5, 100), (12, 99), (20, 500), (7, 6), (1, 30)])
def test_pages_together_show_every_video_once(size, videos):
    ranked, _ = searcher(videos)
    pages = [ids(page(ranked, size, offset)) for offset in range(0, videos + size, size)]
    assert sorted(i for one in pages for i in one) == list(range(videos))
    assert all(len(one) == size for one in pages[: videos // size])


def test_the_same_page_is_the_same_whichever_was_asked_for_before():
    ranked, _ = searcher(200)
    assert page(ranked, 10, 70) == page(ranked, 10, 70) == page(ranked, 12, 68)[2:12]


def test_small_pages_make_up_a_larger_one():
    ranked, _ = searcher(200)
    assert page(ranked, 3, 0) + page(ranked, 3, 3) + page(ranked, 6, 6) == page(ranked, 12, 0)
    assert page(ranked, 12, 6)[:6] == page(ranked, 12, 0)[6:]
    assert page(ranked, 20, 0) + page(ranked, 20, 20) == page(ranked, 40, 0)


@pytest.mark.parametrize("k", [1, 12, 13, 60, 61, 150])
def test_a_first_page_is_one_search_best_first(k):
    ranked, depths = searcher(200)
    found = page(ranked, k, 0)
    assert len(found) == k
    assert all(one.score >= other.score for one, other in pairwise(found))
    assert len(depths) == 1


def test_past_the_end_there_is_nothing():
    ranked, _ = searcher(8)
    assert page(ranked, 5, 8) == page(ranked, 5, 10**9) == []
