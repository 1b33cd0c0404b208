import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from training.diagnostics import background_swap, clip_features, expected_hits, plain_clips, recall_at_1
from training.synthetic import Labelled

ACTIONS, PLACES, FPS, SIZE = 3, 4, 8.0, 8
SHOWN = (8, 1 / FPS, SIZE)  # frames, stride and size at which a clip is the whole video as it is


def performance(action: int, place: int, actor: int) -> np.ndarray:
    """Red flashes at the frame of the action, never the middle one; green is the place, blue the actor."""
    video = np.zeros((8, SIZE, SIZE, 3), np.uint8)
    video[action, ..., 0] = 255
    video[..., 1], video[..., 2] = place, actor
    return video


def collection(moved: int = 0) -> Labelled:
    rows = [(action, (place + moved) % PLACES) for action in range(ACTIONS) for place in range(PLACES)]
    videos = [performance(action, place, actor) for actor, (action, place) in enumerate(rows)]
    return Labelled(videos, [str(action) for action, _ in rows], [str(place) for _, place in rows], FPS)


def sees_action(clips: Tensor) -> Tensor:
    return clips[:, 0].mean((2, 3)).round()


def coded(clips: Tensor, channel: int) -> Tensor:
    return one_hot((clips[:, channel].mean((1, 2, 3)) * 255).round().long(), 16).float()


def sees_place(clips: Tensor) -> Tensor:
    return coded(clips, 1)


def sees_actor(clips: Tensor) -> Tensor:
    return coded(clips, 2)


def sees_nothing(clips: Tensor) -> Tensor:
    return torch.ones(len(clips), 5)


# Retrieval


def test_an_encoder_that_sees_the_action_retrieves_it_and_from_a_still_frame_only_by_chance():
    assert recall_at_1(collection(), sees_action, *SHOWN) == 1
    assert recall_at_1(collection(), sees_action, *SHOWN, still=True) == pytest.approx(1 / ACTIONS)


def test_an_encoder_that_sees_the_look_retrieves_it_from_a_still_frame():
    looks = collection()
    looks = Labelled(looks.videos, looks.groups, looks.labels, FPS)  # the place is the label
    assert recall_at_1(looks, sees_place, *SHOWN, still=True) == 1


@pytest.mark.parametrize("embed", [sees_place, sees_nothing])
def test_nothing_is_retrieved_by_the_place_since_ones_own_place_is_left_out(embed):
    assert recall_at_1(collection(), embed, *SHOWN) == pytest.approx(1 / ACTIONS)


def test_a_twin_in_the_same_group_does_not_answer():
    data = collection()
    twins = data.take([*range(12), *range(12)])
    assert recall_at_1(twins, sees_actor, *SHOWN) == pytest.approx(1 / ACTIONS)


# Background swap


def test_an_encoder_that_sees_the_place_follows_the_background():
    swap = background_swap(collection(), collection(moved=1), sees_place, *SHOWN)
    assert (swap.action_match, swap.background_match) == (0, 1)


def test_an_encoder_that_sees_the_action_follows_it():
    swap = background_swap(collection(), collection(moved=1), sees_action, *SHOWN)
    assert (swap.action_match, swap.background_match) == (1, 0)


@pytest.mark.parametrize("embed", [sees_nothing, sees_actor])
def test_an_encoder_that_sees_nothing_or_only_who_acts_matches_by_chance(embed):
    """Of 12 originals the query's own one and that of its action in its place are no candidates; 2 of 10 match."""
    swap = background_swap(collection(), collection(moved=1), embed, *SHOWN)
    assert swap.action_match == pytest.approx(swap.action_chance) == pytest.approx(0.2)
    assert swap.background_match == pytest.approx(swap.background_chance) == pytest.approx(0.2)


def test_an_encoder_that_sees_both_is_pulled_both_ways():
    def both(clips: Tensor) -> Tensor:
        return torch.cat([sees_action(clips), sees_place(clips)], 1)

    swap = background_swap(collection(), collection(moved=1), both, *SHOWN)
    assert (swap.action_match, swap.background_match) == (pytest.approx(0.5), pytest.approx(0.5))


def test_swapped_videos_of_other_performances_are_refused():
    data = collection()
    with pytest.raises(ValueError, match="got other labels"):
        background_swap(data, data.take(range(11, -1, -1)), sees_place, *SHOWN)
    one = data.take([0])
    with pytest.raises(ValueError, match="no video is left to be found"):
        background_swap(one, one, sees_place, *SHOWN)


# Clips and features


def counted(frames: int) -> np.ndarray:
    return np.broadcast_to(np.arange(frames, dtype=np.uint8)[:, None, None, None], (frames, 8, 8, 3))


def shown_frames(video: np.ndarray, stride: float, clips: int) -> list[list[int]]:
    (batch,) = plain_clips(Labelled([video], ["a"], ["x"], 4.0), 4, stride, 8, clips)
    return (batch.mean((1, 3, 4)) * 255).round().int().tolist()


def test_clips_are_spread_evenly_over_the_video():
    """Of 10 s, clips of 2 s can start in 8 s: at a sixth, a half and five sixths of them."""
    starts = (8 / 6, 8 / 2, 8 * 5 / 6)
    expected = [[int((start + 0.5 * (j + 0.5)) * 4) for j in range(4)] for start in starts]
    assert shown_frames(counted(40), 0.5, 3) == expected
    assert shown_frames(counted(40), 0.5, 1) == expected[1:2]


def test_a_short_video_is_shown_whole_and_no_end_of_it_longer_than_the_other():
    assert shown_frames(counted(3), 0.5, 2) == [[0, 1, 1, 2]] * 2


def test_features_keep_the_order_of_videos_and_clips_over_batches():
    data = Labelled([counted(40)[k:] for k in range(20)], ["a"] * 20, ["x"] * 20, 4.0)
    features = clip_features(data, lambda clips: clips.mean((1, 2, 3, 4))[:, None], 4, 0.5, 8, 3)
    assert features.shape == (20, 3, 1)
    alone = [clip_features(data.take([k]), lambda x: x.mean((1, 2, 3, 4))[:, None], 4, 0.5, 8, 3) for k in range(20)]
    torch.testing.assert_close(features, torch.cat(alone))


def test_among_equals_each_is_as_likely_to_be_the_most_similar():
    similar = torch.tensor([[1.0, 1, 0], [0, 0, 0], [0, 1, 0]], dtype=torch.float64)
    right = torch.tensor([[True, False, False], [True, True, False], [False, False, True]])
    assert expected_hits(similar, right).tolist() == [0.5, 2 / 3, 0]
    with pytest.raises(ValueError, match="got NaN"):
        expected_hits(similar / 0, right)
