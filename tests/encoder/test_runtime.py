import numpy as np
import pytest
import torch

from encoder.config import EncoderConfig
from encoder.model import Encoder
from encoder.runtime import embed_clips
from encoder.transforms import clips_to_tensor


def test_embeddings_are_float32_unit_vectors_equal_to_the_encoders_own():
    torch.manual_seed(0)
    encoder = Encoder(EncoderConfig(width=8, blocks=1)).eval()
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 64, 64, 3), dtype=np.uint8)
    embeddings = embed_clips(encoder, frames)
    assert embeddings.dtype == np.float32
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    with torch.inference_mode():
        np.testing.assert_array_equal(embeddings, encoder(clips_to_tensor(torch.from_numpy(frames))).numpy())
