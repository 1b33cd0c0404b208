"""Linear probes on each kind of features, over all folds and seeds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from app.trial import Progress, Scores, Trial


def probe_scores(trial: Trial, seeds: int, progress: Progress) -> dict[str, Scores]:
    """What probes on each of the features say of the tested videos, (S, V, C)."""
    total, done = len(trial.features) * seeds * len(trial.folds), 0
    found = {}
    for name, features in trial.features.items():
        scores = []
        for seed in range(seeds):
            by_fold = []
            for learnt, tested in trial.folds:
                by_fold.append(_probe(features, trial.truth, learnt, tested, len(trial.classes), seed))
                done += 1
                progress("classifiers", done, total)
            scores.append(trial.gather(by_fold))
        found[name] = np.stack(scores)
    return found


def _probe(
    features: Sequence[NDArray[np.float32]],
    truth: Sequence[int],
    learnt: Sequence[int],
    tested: Sequence[int],
    classes: int,
    seed: int,
) -> NDArray[np.float32]:
    """(n, C) means over the clips of each tested video."""
    import torch

    from training.linear_classifier import fit_classifier, mean_of_videos

    def clips_of(rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """All clips of some videos, and which of these each is of."""
        counts = torch.tensor([len(features[row]) for row in rows])
        stacked = torch.from_numpy(np.concatenate([features[row] for row in rows]))
        return stacked, torch.arange(len(rows)).repeat_interleave(counts)

    clips, videos = clips_of(learnt)
    rng = torch.Generator().manual_seed(seed)
    predict = fit_classifier(clips, torch.tensor([truth[row] for row in learnt])[videos], classes, rng)
    clips, videos = clips_of(tested)
    means: NDArray[np.float32] = mean_of_videos(predict(clips), videos, len(tested)).numpy()
    return means
