import itertools
import multiprocessing
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch

from training.batches import LOSSES, VIEWS, WEIGHTS, Batch, Batches, generator, stream
from training.render import render, render_frames
from training.views import ViewSpec

SPEC = ViewSpec(frames=4, shortest_stride=0.125, longest_stride=0.375)
PLAIN = replace(SPEC, flip=0, jitter=0)


@pytest.fixture
def batches(films) -> Batches:
    return Batches(films, 8, SPEC, 16, 6, seed=3, count=5)


def assert_same(one: Batch, other: Batch) -> None:
    assert one.views == other.views
    for mine, yours in zip((one.frames, *one[3:]), (other.frames, *other[3:]), strict=True):
        assert torch.equal(mine, yours)


def plain_coloured(count: int) -> list[np.ndarray]:
    """Videos of one grey each, 10 times their number."""
    return [np.full((20, 8, 8, 3), 10 * number, np.uint8) for number in range(count)]


def shown(batch: Batch) -> torch.Tensor:
    """(3, B) numbers of the videos that the views show."""
    return (batch.clips().mean((2, 3, 4, 5)) * 25.5).round().int()


# What a batch depends on


def test_a_batch_depends_on_seed_and_number_and_not_on_who_asked_before(batches, films):
    torch.manual_seed(1)
    late = batches[4]
    assert_same(batches[4], late)
    torch.manual_seed(2)
    assert_same(replace(batches, videos=list(films))[4], late)
    for other in (batches[3], replace(batches, seed=4)[4]):
        assert other.views != late.views
        assert not torch.equal(other.clips(), late.clips())


def test_numbers_go_on_from_the_first(batches):
    later = replace(batches, first=3, count=2)
    assert len(later) == 2
    for item in range(2):
        assert_same(later[item], batches[3 + item])


@pytest.mark.parametrize("processes", [2, 3])
def test_what_processes_render_is_together_the_batch_of_one(batches, processes):
    parts = [replace(batches, rank=rank, processes=processes)[2] for rank in range(processes)]
    assert {part.clips().shape[1] for part in parts} == {6 // processes}
    joined = Batch(
        torch.cat([part.frames.unflatten(0, (3, -1)) for part in parts], 1).flatten(0, 1),
        16,
        [views for part in parts for views in part.views],
        torch.cat([part.swapped for part in parts]),
        torch.cat([part.turned for part in parts]),
        torch.cat([part.recolouring for part in parts]),
    )
    assert_same(joined, batches[2])


def test_a_worker_process_renders_the_same_and_ends_when_it_is_no_longer_needed(batches):
    before = set(multiprocessing.active_children())  # other tests leave decoders
    with closing(stream(batches, workers=1)) as passes:
        for item, batch in zip(range(3), passes, strict=False):
            assert_same(batch, batches[item])
    assert set(multiprocessing.active_children()) <= before


def test_a_stream_without_workers_gives_each_batch_once(batches):
    given = list(stream(batches, workers=0))
    assert len(given) == 5
    for item, batch in enumerate(given):
        assert_same(batch, batches[item])


def test_streams_of_random_numbers_are_apart():
    drawn = [
        torch.rand((), generator=generator(seed, *numbers)).item()
        for seed in range(3)
        for numbers in [(WEIGHTS,), *itertools.product((VIEWS, LOSSES), range(3))]
    ]
    assert len(set(drawn)) == len(drawn) == 21


# What is in a batch


def test_no_video_is_twice_in_a_batch_and_its_views_stand_below_each_other():
    batches = Batches(plain_coloured(8), 8, PLAIN, 8, 6, seed=0)
    orders = set()
    for item in range(20):
        numbers = shown(batches[item])
        assert (numbers == numbers[0]).all()
        assert len(set(numbers[0].tolist())) == 6
        orders.add(tuple(numbers[0].tolist()))
    assert len(orders) == 20


def test_each_record_is_that_of_its_clip():
    place = (np.arange(48) + 0.5) / 48
    ramp = np.zeros((60, 48, 48, 3))
    ramp[..., 0], ramp[..., 1] = place, place[:, None]
    ramp[..., 2] = ((np.arange(60) + 0.5) / 60)[:, None, None]
    video = (ramp * 255).round().astype(np.uint8)
    batch = Batches([video[:30], video, video[:45]], 8, PLAIN, 16, 3, seed=0)[0]
    for number, views in enumerate(batch.views):
        for i, view in enumerate(views):
            x, y, t = batch.clips()[i, number].mean((1, 2, 3)).tolist()
            assert x == pytest.approx(view.box.x0 + view.box.width / 2, abs=0.01)
            assert y == pytest.approx(view.box.y0 + view.box.height / 2, abs=0.01)
            assert t * 7.5 == pytest.approx(view.start + view.span / 2, abs=0.08)


def test_the_clips_of_a_batch_are_its_views_rendered_from_the_frames_it_carries(films):
    batch = Batches(films[3:4], 8, SPEC, 16, 1, seed=0)[0]
    assert batch.frames.shape == (3, 4, 36, 36, 3)
    assert batch.frames.dtype == torch.uint8
    clips = batch.clips()
    assert clips.shape == (3, 1, 3, 4, 16, 16)
    assert torch.equal(batch.clips(torch.device("cpu")), clips)
    for i, view in enumerate(batch.views[0]):
        torch.testing.assert_close(clips[i], render([films[3]], [view], 8, 16))


def test_frames_stand_by_view_and_then_by_video(batches):
    batch = batches[0]
    for (i, view), (number, trio) in itertools.product(enumerate(batch.clips()), enumerate(batch.views)):
        own = batch.frames[i * 6 + number : i * 6 + number + 1]
        torch.testing.assert_close(view[number], render_frames(own, [trio[i]], 16)[0])


def test_long_videos_are_drawn_more_often_by_the_root_of_their_length():
    videos = [np.full((length, 4, 4, 3), 10 * number, np.uint8) for number, length in enumerate((3, 12, 48))]
    batches = Batches(videos, 8, PLAIN, 4, 1, seed=0)
    drawn = torch.stack([shown(batches[item])[0, 0] for item in range(700)]).bincount()
    assert (drawn / 700).tolist() == pytest.approx([1 / 7, 2 / 7, 4 / 7], abs=0.05)


def test_locals_are_swapped_and_global_bins_turned_half_of_the_time_independently(batches):
    few = replace(batches, size=4)
    drawn = [few[item] for item in range(30)]
    swapped, turned = torch.cat([batch.swapped for batch in drawn]), torch.cat([batch.turned for batch in drawn])
    for way in (turned, ~turned):
        assert 60 < way.sum() < 120
        assert 0.35 < swapped[way].float().mean() < 0.65


def test_one_scale_gives_three_views_of_one_stride(batches):
    for two_scales in (True, False):
        for first, second, whole in replace(batches, two_scales=two_scales)[0].views:
            assert first.stride == pytest.approx(second.stride if two_scales else whole.stride)
            assert (whole.stride == pytest.approx(2 * first.stride)) == two_scales
