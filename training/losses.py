"""Contrastive losses."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize


def info_nce(query: Tensor, key: Tensor, temperature: float = 0.1) -> Tensor:
    """Contrast each query with its own key against every other key of the batch.

    InfoNCE, van den Oord et al. 2018, https://arxiv.org/abs/1807.03748, eq. 4.

    Args:
        query: (B, D) embeddings of one view; need not be normalised.
        key: (B, D) embeddings of the other view, row i matching row i.
        temperature: divides the cosine similarities; > 0.

    Returns:
        Scalar mean loss; log(B) when the embeddings carry no information.
    """
    logits = normalize(query) @ normalize(key).T / temperature
    return cross_entropy(logits, torch.arange(len(query), device=query.device))
