from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from training.figures import draw_adversary, draw_overlap, draw_similarity, draw_views
from training.synthetic import Labelled
from training.views import Views, ViewSpec, sample_views

FPS = 8.0


@pytest.fixture(scope="module")
def video() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 48, 48, 3), np.uint8)


@pytest.fixture(scope="module")
def views() -> Views:
    return sample_views(4.0, torch.Generator().manual_seed(0), ViewSpec(), reverse=True)


def assert_drawn(path: Path) -> None:
    assert plt.imread(path)[..., :3].mean() < 0.9  # empty axes are lighter
    assert plt.get_fignums() == []


def test_views_are_drawn(video, views, tmp_path):
    draw_views(video, FPS, views, tmp_path / "views.png")
    assert_drawn(tmp_path / "views.png")


def test_the_overlap_of_a_cell_is_drawn(video, views, tmp_path):
    draw_overlap(video, FPS, views, tmp_path / "overlap.png")
    assert_drawn(tmp_path / "overlap.png")


@pytest.mark.parametrize(("names", "width"), [(["untrained"], 720), (["untrained", "trained"], 1080)])
def test_the_bins_of_one_encoder_or_two_are_drawn_beside_the_target(names, width, video, tmp_path):
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=8, blocks=1, look_dim=0, motion_weight=1.0)).eval()
    data = Labelled([video, video[::-1]], ["a", "b"], ["x", "y"], FPS)
    draw_similarity(data, dict.fromkeys(names, encoder), ClipSpec(frames=4, size=32), tmp_path / "similarity.png")
    assert_drawn(tmp_path / "similarity.png")
    assert plt.imread(tmp_path / "similarity.png").shape[1] == width


def test_recolourings_are_drawn(video, tmp_path):
    draw_adversary([video, video], tmp_path / "adversary.png")
    assert_drawn(tmp_path / "adversary.png")
