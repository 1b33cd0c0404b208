"""Instance contrast: two views of one video against other videos."""

import torch
from torch import Tensor, nn
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


def decoupled_info_nce(query: Tensor, key: Tensor, temperature: float = 0.1) -> Tensor:
    """`info_nce` without the positive pair in the denominator, which helps small batches.

    DCL, Yeh et al. 2022, https://arxiv.org/abs/2110.06848, eq. 5: -s_ii + log sum over j != i of exp(s_ij), with
    s the cosine similarity over the temperature. B is two or more; log(B - 1) without information.
    """
    logits = normalize(query) @ normalize(key).T / temperature
    own = torch.eye(len(query), dtype=torch.bool, device=query.device)
    return (logits.masked_fill(own, -torch.inf).logsumexp(1) - logits.diagonal()).mean()


def queue_info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float = 0.1) -> Tensor:
    """Contrast each query with its own key against the (K, D) keys of earlier batches.

    MoCo, He et al. 2020, https://arxiv.org/abs/1911.05722, eq. 1. Keys come from a momentum encoder and get no
    gradient.
    """
    query, key, queue = normalize(query), normalize(key.detach()), normalize(queue.detach())
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1) / temperature
    return cross_entropy(logits, torch.zeros(len(query), dtype=torch.long, device=query.device))


class KeyQueue(nn.Module):
    """The last K keys of a momentum encoder, oldest replaced first; saved with the run."""

    keys: Tensor  # (K, D) unit vectors
    position: Tensor  # of the oldest

    def __init__(self, length: int, dim: int, rng: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("keys", normalize(torch.randn(length, dim, generator=rng)))
        self.register_buffer("position", torch.zeros((), dtype=torch.long))

    def push(self, keys: Tensor) -> None:
        """Put (B, D) keys in place of the B oldest; of more than K, the last K stay."""
        length = len(self.keys)
        places = (self.position + torch.arange(len(keys), device=self.keys.device)) % length
        self.keys[places[-length:]] = normalize(keys.detach()[-length:])
        self.position = (self.position + len(keys)) % length


@torch.no_grad()
def update_momentum(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    """Move the teacher's weights towards the student's: w_t <- m w_t + (1 - m) w_s; MoCo, eq. 2.

    Buffers, such as the batch-norm statistics, are copied.
    """
    for slow, fast in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(fast, 1 - momentum)
    for kept, current in zip(teacher.buffers(), student.buffers(), strict=True):
        kept.copy_(current)
