"""Views made into pixels.

Cropping, resizing, mirroring and blurring are separable, so each is a matrix along the rows and one along the
columns; what a view does to the picture's geometry is then two matrix products, and what it does to colour a third.

Sizes: B batch, T frames, H W pixels of the video, S pixels of the view.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    return render_frames(frames_shown(videos, views, fps), views, size)


def frames_shown(videos: Sequence[NDArray[np.uint8]], views: Sequence[View], fps: float) -> Tensor:
    """The frames that each view shows, in its order: (B, T, H, W, 3) uint8; arguments as in `render`."""
    return torch.from_numpy(np.stack([_frames(video, view, fps) for video, view in zip(videos, views, strict=True)]))


def render_frames(frames: Tensor, views: Sequence[View], size: int) -> Tensor:
    """`render` from the (B, T, H, W, 3) frames that the views show, on the device of these."""
    batch, time, height, width = frames.shape[:4]
    pictures = frames.permute(0, 1, 4, 2, 3).float()  # (B, T, 3, H, W)
    blur = [view.photometry.blur for view in views]
    down = _lines([view.box.y0 for view in views], [view.box.height for view in views], blur, height, size)
    across = _lines(
        [v.box.x0 + v.box.width * v.flipped for v in views],
        [-v.box.width if v.flipped else v.box.width for v in views],
        blur,
        width,
        size,
    )
    down, across = down.to(frames.device), across.to(frames.device)
    rows = pictures.reshape(batch, -1, width) @ across.mT
    small = down.unsqueeze(1) @ rows.reshape(batch, time * 3, height, size)
    mixed = _recolour(small.reshape(batch, time, 3, -1) / 255, [view.photometry for view in views])
    return mixed.reshape(batch, time, 3, size, size).transpose(1, 2).contiguous()


def _frames(video: NDArray[np.uint8], view: View, fps: float) -> NDArray[np.uint8]:
    index = np.floor(np.array(view.times()) * fps).astype(int).clip(0, len(video) - 1)
    shown: NDArray[np.uint8] = video[index]
    return shown


def _lines(starts: list[float], lengths: list[float], blur: list[float], pixels: int, size: int) -> Tensor:
    """(B, size, pixels) weights of bilinear resampling of parts of lines; past its ends a line goes on as it ends.

    Args:
        starts: B fractions of the line.
        lengths: likewise; less than zero to go from right to left.
        blur: B shares of each sample that the three around it give.
        pixels: of the line.
        size: samples.
    """
    start, length, share = (torch.tensor(each).view(-1, 1, 1) for each in (starts, lengths, blur))
    place = (torch.arange(size).view(-1, 1) + 0.5) / size
    at = ((start + length * place) * pixels - 0.5).clamp(0, pixels - 1)
    weights = (1 - (at - torch.arange(pixels)).abs()).clamp(min=0)
    around = torch.cat([weights[:, :1], weights, weights[:, -1:]], 1).unfold(1, 3, 1).mean(-1)
    return torch.lerp(weights, around, share)


def _recolour(clips: Tensor, changes: Sequence[Photometry]) -> Tensor:
    """Change the colours of (B, T, 3, pixels) clips: an affine map, since contrast turns around a clip's mean."""
    contrast, brightness, saturation, hue, grey = (
        torch.tensor([float(getattr(change, name)) for change in changes], device=clips.device).view(-1, 1)
        for name in ("contrast", "brightness", "saturation", "hue", "grey")
    )
    matrix = _colour_matrices(saturation * (1 - grey), hue)
    mean = torch.einsum("bcd,bd->b", matrix, clips.mean((1, 3))).unsqueeze(1) / 3
    offset = ((1 - contrast) * mean + brightness).view(-1, 1, 1, 1)
    mixed: Tensor = (contrast.unsqueeze(2) * matrix).unsqueeze(1) @ clips
    return mixed.add_(offset).clamp_(0, 1)


def _colour_matrices(saturation: Tensor, hue: Tensor) -> Tensor:
    """(B, 3, 3) RGB to RGB: scale the saturation, turn the hue; both (B, 1)."""
    turns = torch.eye(3, device=hue.device).repeat(len(hue), 1, 1)
    cos, sin = saturation * hue.cos(), saturation * hue.sin()
    turns[:, 1:, 1:] = torch.stack([torch.cat([cos, -sin], 1), torch.cat([sin, cos], 1)], 1)
    matrices: Tensor = _RGB.to(hue.device) @ turns @ _YIQ.to(hue.device)
    return matrices
