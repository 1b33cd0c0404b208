import threading
from types import SimpleNamespace

import numpy as np
import pytest

from encoder.clips import ClipSpec, Span
from encoder.decoding import Decoded, Failed, Finished, Opened
from encoder.video import VideoInfo
from indexer import pipeline
from indexer.pipeline import Encoded, Progressed, encode_videos
from indexer.sketches import unpack

INFO = VideoInfo(10.0, 64, 48, 25.0, "h264")
SPEC = ClipSpec(frames=2, size=4, hop=1)


class Embedding:
    """An encoder whose vectors are the first pixel of each clip, and that keeps how many clips it was given."""

    spec = SPEC

    def __init__(self):
        self.batches, self.gate = [], threading.Event()
        self.gate.set()

    def embed(self, frames):
        self.gate.wait(5)
        self.batches.append(len(frames))
        return frames[:, 0, 0, 0, :1].astype(np.float32)


def results(events, encoder=None):
    """What comes of some events of a pool."""
    return encode_videos([], encoder or Embedding(), SimpleNamespace(decode=lambda jobs: iter(events)))


def encoded(events, encoder=None):
    return list(results(events, encoder))


def decoded(path, first, count):
    """Clips whose first pixel is their second."""
    pictures = np.arange(first, first + count + 1, dtype=np.uint8)[:, None, None, None].repeat(4, 1).repeat(4, 2)
    places = np.arange(count)[:, None] + np.arange(2)
    spans = [Span(second, second + 2) for second in range(first, first + count)]
    return Decoded(path, spans, pictures.repeat(3, 3), places)


def film(path, count):
    return [Opened(path, INFO), decoded(path, 0, count), Finished(path, 0)]


def test_a_video_is_encoded_with_all_its_clips_in_order():
    events = [Opened("a", INFO), decoded("a", 0, 20), decoded("a", 20, 20), decoded("a", 40, 3), Finished("a", 7)]
    *told, last = encoded(events)
    assert [event.seconds for event in told] == [21, 41, 44]
    assert isinstance(last, Encoded)
    assert (last.path, last.video.info, last.video.duration, last.video.damaged) == ("a", INFO, 44, 7)
    assert last.video.embeddings[:, 0].tolist() == list(range(43))
    assert [span.start for span in last.video.spans] == list(range(43))
    shown = [unpack(sketch)[:, 0, 0].tolist() for sketch in last.video.sketches]
    assert shown == [*([second] for second in range(42)), [42, 43]]


def test_short_files_fill_batches_together():
    encoder = Embedding()
    events = [event for number in range(40) for event in film(str(number), 2)]
    found = encoded(events, encoder)
    assert encoder.batches == [32, 32, 16]
    assert [event.path for event in found if isinstance(event, Encoded)] == [str(number) for number in range(40)]


def test_a_batch_is_not_waited_for_where_nothing_more_comes_or_it_takes_long(monkeypatch):
    encoder = Embedding()
    events = [*film("a", 2), None, None, *film("b", 3)]
    encoded(events, encoder)
    assert encoder.batches == [2, 3]
    monkeypatch.setattr(pipeline, "_PATIENCE_S", -1.0)
    encoder = Embedding()
    encoded([*film("a", 2), *film("b", 3)], encoder)
    assert encoder.batches == [2, 3]


def test_clips_wait_while_the_encoder_is_busy_so_that_their_batch_fills_up():
    encoder = Embedding()
    encoder.gate.clear()

    def events():
        yield from film("a", 2)
        yield None
        yield from film("b", 3)
        yield None
        yield from film("c", 4)
        encoder.gate.set()

    encoded(events(), encoder)
    assert encoder.batches == [2, 7]


def test_decoding_waits_where_encoding_is_behind():
    encoder, drawn = Embedding(), []

    def events():
        yield Opened("a", INFO)
        for number in range(6):
            drawn.append(number)
            yield decoded("a", number * 32, 32)
        yield Finished("a", 0)

    encoder.gate.clear()
    threading.Timer(0.2, lambda: (drawn.append("waited"), encoder.gate.set())).start()
    found = encoded(events(), encoder)
    assert drawn[:4] == [0, 1, 2, "waited"]
    assert len(found[-1].video.spans) == 192


def test_a_video_is_ready_before_the_longer_ones_around_it():
    ready = []

    def events():
        yield from [Opened("long", INFO), decoded("long", 0, 32), *film("short", 2), decoded("long", 32, 32)]
        while not ready:
            yield None
        yield Finished("long", 0)

    for event in results(events()):
        ready += [event.path] if isinstance(event, Encoded) else []
    assert ready == ["short", "long"]


def test_what_came_of_a_file_that_fails_later_counts_for_nothing():
    encoder = Embedding()
    broken = [Opened("a", INFO), decoded("a", 0, 3), Failed("a", "broken")]
    found = encoded([*broken, *film("b", 2)], encoder)
    assert encoder.batches == [2]
    assert [type(event) for event in found] == [Failed, Progressed, Encoded]
    pending = [Opened("a", INFO), decoded("a", 0, 32), Failed("a", "broken"), *film("b", 2)]
    assert [event.path for event in encoded(pending) if isinstance(event, Encoded)] == ["b"]


def test_an_error_of_the_encoder_ends_the_run():
    encoder = SimpleNamespace(spec=SPEC, embed=lambda frames: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        encoded(film("a", 40), encoder)
