"""Views made into pixels.

Sizes: B batch, T H W frames and pixels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

from training.views import Photometry, View

# RGB to luma and two colour axes at a right angle to grey, in which a turn changes the hue alone (NTSC YIQ).
_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
_RGB = torch.linalg.inv(_YIQ)


def render(videos: Sequence[NDArray[np.uint8]], views: Sequence[View], fps: float, size: int) -> Tensor:
    """Show one view of each video.

    Args:
        videos: B arrays (N, H, W, 3) of frames, frame k shown from k / fps to (k + 1) / fps seconds.
        views: one for each video, all of the same number of frames.
        fps: of the videos.
        size: pixels of the result, both sides.

    Returns:
        (B, 3, T, size, size) RGB in [0, 1].
    """
    clips = torch.stack([_frames(video, view, fps) for video, view in zip(videos, views, strict=True)])
    batch, time = clips.shape[:2]
    frames = clips.permute(0, 1, 4, 2, 3).flatten(0, 1).float() / 255
    grid = affine_grid(_affine(views).repeat_interleave(time, 0), [len(frames), 3, size, size], align_corners=False)
    frames = grid_sample(frames, grid, padding_mode="border", align_corners=False)
    return _recolour(frames.reshape(batch, time, 3, size, size), [v.photometry for v in views]).transpose(1, 2)


def _frames(video: NDArray[np.uint8], view: View, fps: float) -> Tensor:
    index = np.floor(np.array(view.times()) * fps).astype(int).clip(0, len(video) - 1)
    return torch.from_numpy(video[index])


def _affine(views: Sequence[View]) -> Tensor:
    """(B, 2, 3) maps from the view's [-1, 1] to the picture's."""
    rows = []
    for view in views:
        box = view.box
        width = -box.width if view.flipped else box.width
        middle = 2 * box.x0 + box.width - 1, 2 * box.y0 + box.height - 1
        rows.append([[width, 0.0, middle[0]], [0.0, box.height, middle[1]]])
    return torch.tensor(rows)


def _recolour(clips: Tensor, changes: Sequence[Photometry]) -> Tensor:
    """Change the colours of (B, T, 3, H, W) clips."""
    mixed = torch.einsum("bcd,btdhw->btchw", torch.stack([_colour_matrix(change) for change in changes]), clips)
    contrast, brightness, blur = (
        torch.tensor([getattr(change, name) for change in changes]).view(-1, 1, 1, 1, 1)
        for name in ("contrast", "brightness", "blur")
    )
    mean = mixed.mean((1, 2, 3, 4), keepdim=True)
    mixed = (mixed - mean) * contrast + mean + brightness
    if blur.any():
        soft = avg_pool2d(mixed.flatten(0, 1), 3, 1, 1, count_include_pad=False).reshape(mixed.shape)
        mixed = torch.lerp(mixed, soft, blur)
    return mixed.clamp(0, 1)


def _colour_matrix(change: Photometry) -> Tensor:
    """(3, 3) RGB to RGB: turn the hue, scale the saturation."""
    scale = 0.0 if change.grey else change.saturation
    turn, hue = torch.eye(3), torch.tensor(change.hue)
    turn[1:, 1:] = scale * torch.stack([torch.stack([hue.cos(), -hue.sin()]), torch.stack([hue.sin(), hue.cos()])])
    matrix: Tensor = _RGB @ turn @ _YIQ
    return matrix
