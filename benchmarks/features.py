"""One vector for each video: by trivial baselines, by a network for images, and by encoders at several weighings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.pictures import Clips, Features, Pictures
from encoder.backbones import EfficientNetLite0, load_imagenet_weights
from encoder.baselines import BASELINES
from encoder.checkpoint import Checkpoint
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from encoder.runtime import torch_runtime
from encoder.transforms import clips_to_tensor

WHOLE = ClipSpec(frames=32, fps=8, size=64, hop=32)  # what trivial baselines see of a video, as in `reelseek evaluate`
STILLS = ClipSpec(frames=10, fps=8, size=224, hop=10)  # what the network for images sees
BATCH = 32  # clips encoded at once


class Weighing(NamedTuple):
    """How much motion decides; see `EncoderConfig`."""

    motion_weight: float
    still: float


def weighings(config: EncoderConfig, shares: Sequence[float], stills: Sequence[float]) -> list[Weighing]:
    """The encoder's own weighing, then all others of these values; no other where there is no look to weigh."""
    own = Weighing(config.motion_weight, config.still)
    if not config.look_dim:
        return [own]
    others = [Weighing(share, still) for share in shares or [own.motion_weight] for still in stills or [own.still]]
    return list(dict.fromkeys([own, *others]))


def trivial_features(seen: Pictures) -> dict[str, Features]:
    """What each trivial baseline makes of videos of one clip each."""
    return {name: np.stack([feature(clip[0]) for clip in seen.batches(1)]) for name, feature in BASELINES.items()}


def imagenet_feature(weights: Path) -> Callable[[Clips], Features]:
    """What a network for images makes of frames, by the labels of ImageNet, averaged over space and time.

    Raises:
        WeightsError: the file does not hold its weights.
    """
    network = EfficientNetLite0(shifted=False).eval()
    load_imagenet_weights(network, weights)

    def feature(clips: Clips) -> Features:
        with torch.inference_mode():
            return np.asarray(network(clips_to_tensor(torch.from_numpy(clips))).mean((2, 3, 4)))

    return feature


def encoder_features(
    checkpoint: Checkpoint, seen: Pictures, wanted: Sequence[Weighing]
) -> Iterator[tuple[Weighing, Features]]:
    """Yield the mean embedding of the clips of each video by each of the `weighings`; the networks run once."""
    config, look = checkpoint.config, checkpoint.config.look_dim
    evenly = replace(config, motion_weight=0.5, still=0.0) if look else config
    embed = torch_runtime(replace(checkpoint, config=evenly).encoder)
    embeddings = np.concatenate([embed(clips) for clips in seen.batches(BATCH)])
    if not look:
        yield wanted[0], _means(embeddings, seen)
        return
    parts = embeddings * 2**0.5  # unit vectors each
    for weighing in wanted:
        weighed = replace(config, motion_weight=weighing.motion_weight, still=weighing.still)
        shares = _motion_shares(replace(checkpoint, config=weighed).encoder, seen)
        rows = np.hstack([parts[:, :look] * (1 - shares) ** 0.5, parts[:, look:] * shares**0.5])
        yield weighing, _means(rows, seen)


def _motion_shares(encoder: Encoder, seen: Pictures) -> Features:
    """(N, 1), of each clip."""
    if not encoder.config.still:
        return np.full((len(seen.clips), 1), encoder.config.motion_weight, np.float32)
    inputs = (clips_to_tensor(torch.from_numpy(clips)) for clips in seen.batches(BATCH))
    return np.concatenate([np.asarray(encoder.motion_share(each)) for each in inputs])


def _means(embeddings: Features, seen: Pictures) -> Features:
    return np.stack([embeddings[seen.videos == video].mean(0) for video in np.unique(seen.videos)])
