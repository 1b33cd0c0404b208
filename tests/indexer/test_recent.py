import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from encoder.checkpoint import load_encoder
from encoder.clips import Span
from indexer import embedder
from indexer.library import Library
from indexer.recent import RecentQueries, key_of, size_of


def query(pictures, embeddings=0):
    """A query that takes so many bytes of pictures, shared by two readings, and of embeddings."""
    strip = SimpleNamespace(film=SimpleNamespace(pictures=np.zeros(pictures, np.uint8)))
    rows = np.zeros(embeddings, np.uint8)
    return SimpleNamespace(readings=[SimpleNamespace(strip=strip, embeddings=rows)] * 2)


@pytest.fixture
def read(monkeypatch):
    """What is read and embedded, as (file, part)."""
    seen, embed = [], embedder.embed_query

    def noted(clip, span, *how):
        seen.append((clip.name, span))
        return embed(clip, span, *how)

    monkeypatch.setattr(embedder, "embed_query", noted)
    return seen


def test_the_same_part_of_the_same_bytes_is_read_once(clip, tmp_path, small_encoder, read):
    first = clip(tmp_path / "first.mp4", 1)
    again, other = shutil.copy(first, tmp_path / "again.mp4"), clip(tmp_path / "other.mp4", 2)
    with Library.create(tmp_path / "library", load_encoder(small_encoder)) as library:
        library.add([first])
        found = [library.search(path) for path in (first, again, first)]
        assert found[0] == found[1] == found[2]
        library.embed_query(first, Span(1, 2))
        shutil.copy(other, first)
        library.search(first)
    assert read == [("first.mp4", None), ("first.mp4", Span(1, 2)), ("first.mp4", None)]


def test_those_not_asked_for_longest_make_room():
    recent = RecentQueries(most_bytes=80)
    kept = {name: query(10, embeddings=5) for name in "abc"}
    for name, one in kept.items():
        assert size_of(one) == 40
        recent.get(("a", None))
        recent.put((name, None), one)
    assert [recent.get((name, None)) for name in "abc"] == [kept["a"], None, kept["c"]]
    recent.put(("a", None), query(10))  # 20 instead of 40 bytes
    recent.put(("d", None), query(10))
    assert all(recent.get((name, None)) for name in "acd")
    recent.put(("e", None), query(41))
    assert recent.get(("e", None)) is None


def test_a_file_that_can_not_be_read_has_no_key(tmp_path):
    assert key_of(tmp_path / "none.mp4", None) is None
    assert RecentQueries().get(None) is None
