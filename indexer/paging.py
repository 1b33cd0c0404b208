"""Pages of one long list of answers, cut so that none comes twice and none is passed over.

How deep a search looks decides what it finds, so a list cannot simply be made anew for every page, each time as long as
needed. It is made of stretches: the answers of a search for few, then what a search for five times as many finds beside
them, and so on. Every page of a size is cut from the same stretches, whichever is asked for first.
"""

from collections.abc import Callable

from indexer.search import Match

_FIRST = 12  # answers in the first stretch: so many have their pictures looked at
_GROWTH = 5


def page(ranked: Callable[[int], list[Match]], k: int, offset: int) -> list[Match]:
    """The k answers after the first `offset` ones; within a stretch, and so without an offset, best first.

    Args:
        ranked: the so many best answers, best first; fewer only where there are no more.
        k: how many; those up to 12 share their stretches, so do those up to 60, 300, ...
        offset: how many come before.
    """
    found: dict[int, Match] = {}
    depth = _FIRST
    while depth < k:
        depth *= _GROWTH
    while True:
        stretch = ranked(depth)
        for match in stretch:
            found.setdefault(match.video_id, match)
        if len(stretch) < depth or len(found) >= offset + k:
            return list(found.values())[offset : offset + k]
        depth *= _GROWTH
