from dataclasses import replace
from pathlib import Path

import pytest
import torch

from encoder.checkpoint import Checkpoint, load_encoder, save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from training.beginning import Beginning, begin_with
from training.errors import TrainingError

CONFIG = EncoderConfig(width=8, blocks=1, look_dim=8, motion_dim=8)


@pytest.fixture
def trained(tmp_path: Path) -> Checkpoint:
    """An encoder of random weights that stands for one that was trained."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        save_encoder(Encoder(CONFIG), ClipSpec(), tmp_path / "trained.safetensors")
    return load_encoder(tmp_path / "trained.safetensors")


def features(encoder: Encoder) -> list[torch.Tensor]:
    clips = torch.rand(2, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return encoder.eval().features(clips)


def test_networks_that_are_built_alike_give_the_same_features_whatever_the_heads_are(trained):
    encoder = Encoder(replace(CONFIG, motion_dim=16, cells=(2, 1, 1), motion_weight=0.9))
    assert begin_with(encoder, trained) == Beginning("trained.safetensors", trained.fingerprint, ("look", "motion"))
    encoder = Encoder(CONFIG)
    begin_with(encoder, trained)
    for own, theirs in zip(features(encoder), features(trained.encoder), strict=True):
        torch.testing.assert_close(own, theirs)
    assert not torch.equal(encoder.motion_head.weight, trained.encoder.motion_head.weight)


def test_only_what_fits_is_taken(trained):
    encoder = Encoder(replace(CONFIG, look_network="efficientnet_lite0"))
    before = {name: value.clone() for name, value in encoder.look.state_dict().items()}
    assert begin_with(encoder, trained).parts == ("motion",)
    assert all(torch.equal(value, before[name]) for name, value in encoder.look.state_dict().items())
    assert begin_with(Encoder(replace(CONFIG, centred=False)), trained).parts == ("look",)  # motion sees other pixels


def test_an_encoder_of_which_nothing_fits_is_refused(trained):
    with pytest.raises(TrainingError, match=rf"trained.safetensors \({trained.fingerprint}\) is built otherwise"):
        begin_with(Encoder(replace(CONFIG, width=16)), trained)
