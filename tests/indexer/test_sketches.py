import numpy as np

from indexer.sketches import SIDE, pack, sketches, unpack


def test_sketches_come_back_from_their_bytes():
    small = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE)).astype(np.uint8)
    assert np.array_equal(unpack(pack(small)), small)
    still = np.repeat(small[:1], 8, 0)
    assert len(pack(still)) < len(pack(small)) / 4


def test_sketches_are_grey_and_small_whatever_the_shape():
    pictures = np.zeros((2, 3, 50, 50, 3), np.uint8)
    pictures[1, 2, :25] = 255
    small = sketches(pictures)
    assert (small.shape, small.dtype) == ((2, 3, SIDE, SIDE), np.uint8)
    assert small[1, 2, :7].min() == 255
    assert small.sum() == small[1, 2].sum()
