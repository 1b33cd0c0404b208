"""Fine-tuning by the protocol of the field: the whole network and a linear classifier learn the classes of videos.

The schedule is that of SEVERE (Thoker et al. 2022, https://arxiv.org/abs/2203.14221). A batch is decided by the seed
and its number, and a saved run holds all else that a step depends on: one that was killed goes on as if it had not
been.

Sizes: B batch, C classes, V videos.
"""

import copy
import io
import pickle
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from encoder.clips import ClipSpec
from encoder.model import Encoder
from encoder.transforms import normalise
from encoder.whole import appearing_whole
from training.batches import generator
from training.cache import Frames, Report
from training.errors import TrainingError
from training.labelled_batches import (
    WEIGHTS,
    FineTuning,
    LabelledBatch,
    LabelledBatches,
    LabelledVideos,
    stream_labelled,
)
from training.render import frames_shown, render_frames
from training.views import plain_view

_SAVE_EVERY_S = 60.0  # what a kill costs at most


class Classifier(nn.Module):
    """The networks of an encoder, and a linear classifier on what they give before the encoder's heads."""

    def __init__(self, encoder: Encoder, classes: int, rng: torch.Generator) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder)
        width = sum(head.in_features for head in encoder.heads())
        self.norm, self.linear = nn.BatchNorm1d(width, affine=False), nn.Linear(width, classes)
        nn.init.normal_(self.linear.weight, std=0.01, generator=rng)
        nn.init.zeros_(self.linear.bias)

    def forward(self, clips: Tensor) -> Tensor:
        """(B, C) logits of normalised (B, 3, T, H, W) clips."""
        logits: Tensor = self.linear(self.norm(torch.cat(self.encoder.features(clips), 1)))
        return logits


def finetune(
    encoder: Encoder,
    clip: ClipSpec,
    train: LabelledVideos,
    tests: Sequence[Frames],
    classes: int,
    fps: float,
    seed: int,
    schedule: FineTuning,
    device: torch.device,
    state: Path | None = None,
    report: Report | None = None,
    loaders: int = 0,
) -> NDArray[np.float32]:
    """Train on some videos and return what the classifier says of others, (V, C) means over their clips.

    Args:
        encoder: what is begun with; it stays as it is.
        clip: what it is given.
        train: what is learnt from.
        tests: V videos.
        classes: C.
        fps: of all the frames.
        seed: of everything random.
        schedule: how long and how fast.
        device: where to compute.
        state: file to save the run in and go on from; removed at the end.
        report: called with ("steps", done, of all).
        loaders: processes that read clips ahead.

    Raises:
        TrainingError: the run can't go on.
    """
    run = _Run(encoder, classes, seed, schedule, schedule.steps(len(train.videos)), device)
    if state is not None and state.exists():
        run.load(state)
    batches = LabelledBatches(train, clip, fps, schedule, seed, run.step, run.steps)
    saved = time.monotonic()
    with closing(stream_labelled(batches, loaders, device.type == "cuda")) as stream:
        for batch in stream:
            run.advance(batch, clip.size)
            if state is not None and time.monotonic() - saved > _SAVE_EVERY_S:
                run.save(state)
                saved = time.monotonic()
            if report:
                report("steps", run.step, run.steps)
    scores = run.scores(tests, clip, fps)
    if state is not None:
        state.unlink(missing_ok=True)
    return scores


class _Run:
    """Everything that the next step depends on, but for its batch."""

    def __init__(
        self, encoder: Encoder, classes: int, seed: int, schedule: FineTuning, steps: int, device: torch.device
    ) -> None:
        self.step, self.steps, self.device, self.schedule = 0, steps, device, schedule
        self._identity = {"schedule": asdict(schedule), "steps": steps, "seed": seed, "classes": classes}
        self.network = Classifier(encoder, classes, generator(seed, WEIGHTS)).to(device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), schedule.learning_rate)

    def advance(self, batch: LabelledBatch, size: int) -> None:
        """Take one step."""
        for settings in self.optimiser.param_groups:
            settings["lr"] = self.schedule.rate(self.step / self.steps)
        self.network.train()
        clips = render_frames(batch.frames.to(self.device, non_blocking=True), batch.views, size)
        loss = cross_entropy(self._logits(clips), batch.truth.to(self.device))
        if not loss.isfinite():
            raise TrainingError(f"the loss became {loss.item()} at step {self.step}; train with a lower rate")
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.step += 1

    def scores(self, tests: Sequence[Frames], clip: ClipSpec, fps: float) -> NDArray[np.float32]:
        """(V, C) mean probabilities over evenly spread clips of the whole picture."""
        self.network.eval()
        means = []
        for video in tests:
            latest = max(0.0, len(video) / fps - clip.clip_s)
            starts = np.linspace(0, latest, self.schedule.clips)
            views = [plain_view(float(start), clip.frame_s, clip.frames) for start in starts]
            with torch.inference_mode():
                frames = frames_shown([video] * len(views), views, fps).to(self.device)
                means.append(self._logits(render_frames(frames, views, clip.size)).softmax(1).mean(0).cpu())
        scores: NDArray[np.float32] = torch.stack(means).numpy()
        return scores

    def _logits(self, clips: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            logits: Tensor = self.network(normalise(clips))
        return logits.float()

    def save(self, path: Path) -> None:
        """Write all that the next step depends on, whole or not at all."""
        state = {
            "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step,
            "identity": self._identity,
        }  # fmt: skip
        buffer = io.BytesIO()  # torch's own writer does not say that a disk is full
        torch.save(state, buffer)
        with appearing_whole(path) as part:
            part.write_bytes(buffer.getbuffer())

    def load(self, path: Path) -> None:
        """Go on from where `save` was called, if that was the same run."""
        try:
            state: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            raise TrainingError(f"{path} is no fine-tuning run, or damaged; delete it to begin anew") from error
        if state.get("identity") != self._identity:
            return
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step = state["step"]
