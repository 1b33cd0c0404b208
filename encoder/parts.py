"""A batch of clips is embedded in parts, side by side on the processor's cores; free of torch.

A part on one core has nobody to wait for, whereas threads that share a layer wait for each other after it: for long
where decoding takes turns with them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

Clips = NDArray[np.uint8]  # (B, T, H, W, 3) RGB
Embeddings = NDArray[np.float32]  # (B, D) unit vectors
Runtime = Callable[[Clips], Embeddings]

_AT_ONCE = 8  # clips whose maps fit a processor's cache: more at once are slower, see docs/performance.md


def side_by_side(embed: Runtime, threads: int, start: Callable[[], object] | None = None) -> Runtime:
    """Embed a batch in parts of few clips, as many parts at once as there are threads.

    Args:
        embed: what embeds a part; several threads call it.
        threads: how many.
        start: called by each thread before anything else.
    """
    workers = ThreadPoolExecutor(threads, "reelseek-embed", initializer=start)

    def embed_all(clips: Clips) -> Embeddings:
        count = min(len(clips), threads * -(-len(clips) // (threads * _AT_ONCE)))
        return np.concatenate(list(workers.map(embed, np.array_split(clips, count))))

    return embed_all


def look_frames(time: int) -> list[int]:
    """The frames of a clip of so many that the look part sees."""
    return [time // 4, 3 * time // 4]


def distinct(pictures: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The (U, H, W, 3) different ones among (B, n, H, W, 3) pictures, and which of them each is, (B, n)."""
    places: dict[bytes, int] = {}
    which = [[places.setdefault(picture.tobytes(), len(places)) for picture in row] for row in pictures]
    return np.frombuffer(bytearray().join(places), np.uint8).reshape(-1, *pictures.shape[2:]), np.array(which)
