"""Run an encoder on decoded clips: arrays in, arrays out.

`embed_clips` is the plain way, for an encoder on any device; `torch_runtime` gives the same vectors sooner on a CPU.
"""

from collections.abc import Callable
from copy import deepcopy
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from encoder.model import Encoder
from encoder.transforms import clips_to_tensor

Runtime = Callable[[NDArray[np.uint8]], NDArray[np.float32]]  # (B, T, H, W, 3) RGB clips -> (B, D) unit vectors

_AT_ONCE = 8  # clips whose maps fit a processor's cache: more at once are slower, see docs/performance.md


def embed_clips(encoder: Encoder, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embed (B, T, H, W, 3) uint8 RGB clips as (B, D) float32 unit vectors, on the encoder's device."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        embeddings = encoder(clips_to_tensor(torch.from_numpy(frames).to(device)))
    array: NDArray[np.float32] = embeddings.cpu().numpy()
    return array


def torch_runtime(encoder: Encoder) -> Runtime:
    """Embed by torch with folded batch norms, channels last in memory, a few clips at once."""
    folded = fold_norms(encoder)
    for module in folded.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def embed(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = np.array_split(frames, -(-len(frames) // _AT_ONCE))
        return np.concatenate([embed_clips(folded, part) for part in parts])

    return embed


def fold_norms(encoder: Encoder) -> Encoder:
    """A copy of an encoder in eval mode whose batch norms are part of the convolutions before them.

    In every module that makes both, a batch norm made right after a convolution is taken to work on its result.
    """
    folded = deepcopy(encoder).eval()
    for module in folded.modules():
        for (name, convolution), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(convolution, nn.Conv2d | nn.Conv3d) and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
                setattr(module, name, fuse_conv_bn_eval(convolution, norm))
                setattr(module, norm_name, nn.Identity())
    return folded
