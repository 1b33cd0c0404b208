"""Run an encoder on decoded clips: arrays in, arrays out."""

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.model import Encoder
from encoder.transforms import clips_to_tensor


def embed_clips(encoder: Encoder, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embed (B, T, H, W, 3) uint8 RGB clips as (B, D) float32 unit vectors, on the encoder's device."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        embeddings = encoder(clips_to_tensor(torch.from_numpy(frames).to(device)))
    array: NDArray[np.float32] = embeddings.cpu().numpy()
    return array
