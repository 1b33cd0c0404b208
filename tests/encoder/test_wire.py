import threading
from multiprocessing import Pipe, get_context

import numpy as np
import pytest

from encoder import wire
from encoder.wire import Receiver, Sender, shared_memory


@pytest.fixture
def ends():
    memory, (ours, theirs) = shared_memory(get_context("spawn")), Pipe()
    yield Sender(theirs, memory), Receiver(ours, memory)
    ours.close()
    theirs.close()


def pictures(seed: int, count: int = 3):
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)


def test_events_arrive_as_they_were_sent(ends):
    sender, receiver = ends
    for event in ("told", {"a": pictures(0), "b": pictures(1)}, ["no", "arrays"]):
        sender.send(event)
        received = receiver.receive()
        assert type(received) is type(event)
        np.testing.assert_equal(received, event)


def test_pictures_do_not_go_by_pipe(ends):
    sender, receiver = ends
    sender.send(pictures(0, count=10000))
    assert len(receiver.pipe.recv_bytes()) < 1000


def test_more_pictures_than_a_slot_holds_go_by_pipe(ends, monkeypatch):
    monkeypatch.setattr(wire, "_SLOT_BYTES", 100)
    sender, receiver = ends
    sender.send(pictures(0))
    np.testing.assert_array_equal(receiver.receive(), pictures(0))


def test_what_was_received_stays_when_more_is_sent(ends):
    sender, receiver = ends
    received = []
    for seed in range(5):
        sender.send(pictures(seed))
        received.append(receiver.receive())
    np.testing.assert_array_equal(received, [pictures(seed) for seed in range(5)])
    received[0][:] = 0  # it is the receiver's own


def test_a_sender_waits_until_there_is_room(ends):
    sender, receiver = ends
    sent = []
    thread = threading.Thread(target=lambda: [sent.append(sender.send(pictures(seed))) for seed in range(4)])
    thread.start()
    thread.join(0.2)
    assert len(sent) == 2
    np.testing.assert_array_equal([receiver.receive() for _ in range(4)], [pictures(seed) for seed in range(4)])
    thread.join(5)
    assert len(sent) == 4


def test_a_job_comes_through_after_events_that_were_taken(ends):
    sender, receiver = ends
    for seed in range(2):
        sender.send(pictures(seed))
        receiver.receive()
    receiver.send("job")
    assert sender.receive() == "job"
