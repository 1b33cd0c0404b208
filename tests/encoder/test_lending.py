from threading import Thread
from types import SimpleNamespace

from encoder.lending import Lending


def pools(count):
    """What stands for so many pools and notes what is done to it."""
    made = [SimpleNamespace(did=[]) for _ in range(count)]
    for one in made:
        one.start, one.close = (lambda word=word, one=one: one.did.append(word) for word in ("start", "close"))
    return made


def test_nobody_is_lent_what_another_uses_and_who_comes_last_waits():
    lending, got = Lending(pools(2)), []

    def borrow():
        with lending.lent() as pool:
            got.append(pool)

    with lending.lent() as first, lending.lent() as second:
        assert first is not second
        waiting = Thread(target=borrow)
        waiting.start()
        waiting.join(0.05)
        assert got == []
    waiting.join(5)
    assert got[0] in (first, second)


def test_all_are_started_and_closed_once():
    made = pools(3)
    lending = Lending(made)
    lending.start()
    lending.close()
    assert [one.did for one in made] == [["start", "close"]] * 3
