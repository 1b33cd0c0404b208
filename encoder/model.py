"""The encoder: clips in, unit vectors out, made of how a clip looks and how it moves.

Sizes: B batch, T H W frames and pixels, D embedding.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool3d, normalize

from encoder.backbones import TSM
from encoder.config import EncoderConfig


class Encoder(nn.Module):
    """Embed clips as unit vectors in two parts, so that neither look nor motion drowns the other.

    `look` sees two single frames. `motion` sees the frames less their mean over time, in which whatever stands
    still is gone, and is pooled to 4 x 2 x 2 cells of time and space: a clip and its reverse get different
    vectors.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.look = TSM(config.width, config.blocks, shifted=False)
        self.motion = TSM(config.width, config.blocks)
        self.look_head = nn.Linear(self.look.channels * 4, config.look_dim)
        self.motion_head = nn.Linear(self.motion.channels * 16, config.motion_dim)

    def forward(self, clips: Tensor) -> Tensor:
        """Embed normalised (B, 3, T, H, W) clips as (B, D) unit vectors: [look, motion], weighed."""
        look, motion = self.parts(clips)
        share = self.config.motion_weight
        return torch.cat([look * (1 - share) ** 0.5, motion * share**0.5], 1)

    def parts(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """The (B, look_dim) and (B, motion_dim) unit vectors that `forward` weighs and joins."""
        look, motion = self.features(clips)
        return normalize(self.look_head(look)), normalize(self.motion_head(motion))

    def features(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """The pooled maps of both backbones, (B, C 4) and (B, C 16), before their linear heads."""
        time = clips.shape[2]
        stills = clips[:, :, [time // 4, 3 * time // 4]]
        moving = clips - clips.mean(2, keepdim=True)
        look = adaptive_avg_pool3d(self.look(stills), (1, 2, 2)).flatten(1)
        return look, adaptive_avg_pool3d(self.motion(moving), (4, 2, 2)).flatten(1)
