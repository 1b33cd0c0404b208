"""Run an encoder on decoded clips: arrays in, arrays out.

`embed_clips` is the plain way, for an encoder on any device, and the fastest on a GPU: float16 and transfers beside the
computation were measured there and cost more than they gave. `torch_runtime` gives the same vectors sooner on a CPU, or
nearly the same where that computes in bfloat16.
"""

from copy import deepcopy
from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from encoder.backbones.tsm import Block
from encoder.model import Encoder
from encoder.parts import Clips, Embeddings, Runtime, distinct, look_frames, side_by_side
from encoder.transforms import clips_to_tensor


def embed_clips(encoder: Encoder, frames: Clips) -> Embeddings:
    """Embed (B, T, H, W, 3) uint8 RGB clips as (B, D) float32 unit vectors, on the encoder's device."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        embeddings = encoder(clips_to_tensor(torch.from_numpy(frames).to(device)))
    array: Embeddings = embeddings.cpu().numpy()
    return array


def torch_runtime(encoder: Encoder) -> Runtime:
    """Embed on the CPU with folded batch norms, channels last in memory, each picture looked at once.

    A batch is divided among as many threads as torch has when this is called.
    """
    folded = fold_norms(encoder)
    if computes_bfloat16():
        halve_branches(folded)
    for module in folded.modules():
        if isinstance(module, nn.Conv2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)
    apart = LookedAtOnce(folded) if folded.look else None

    def embed(frames: Clips) -> Embeddings:
        if apart is None:
            return embed_clips(folded, frames)
        inputs = frames, *distinct(frames[:, look_frames(frames.shape[1])])
        with torch.inference_mode():
            array: Embeddings = apart(*(torch.from_numpy(each) for each in inputs)).numpy()
        return array

    return side_by_side(embed, torch.get_num_threads(), start=partial(torch.set_num_threads, 1))


def computes_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16, twice as fast as in float32."""
    return bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def halve_branches(encoder: Encoder) -> None:
    """Compute the residual branches of `TSM` in bfloat16; what they are added to stays in float32.

    All of the encoder in bfloat16 turns vectors by ten times as much, see docs/performance.md.
    """
    for block in encoder.modules():
        if isinstance(block, Block):
            block.first = nn.Sequential(_To(torch.bfloat16), *block.first.to(torch.bfloat16))
            block.second = nn.Sequential(*block.second.to(torch.bfloat16), _To(torch.float32))


class _To(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, maps: Tensor) -> Tensor:
        return maps.to(self.dtype)


class LookedAtOnce(nn.Module):
    """An encoder of 8-bit clips whose look part is given its pictures apart: one seen by two clips only once."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, clips: Tensor, pictures: Tensor, which: Tensor) -> Tensor:
        """Embed (B, T, H, W, 3) clips, given the (U, H, W, 3) pictures and (B, n) places of `distinct`."""
        looks = self.encoder.pooled_look(clips_to_tensor(pictures[:, None]))
        embeddings: Tensor = self.encoder(clips_to_tensor(clips), looks[which].mean(1))
        return embeddings


class Preprocessed(nn.Module):
    """An encoder of 8-bit clips."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, clips: Tensor) -> Tensor:
        """Embed (B, T, H, W, 3) clips."""
        embeddings: Tensor = self.encoder(clips_to_tensor(clips))
        return embeddings


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
