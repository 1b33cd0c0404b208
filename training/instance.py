"""Train an encoder by plain instance contrast: two random views of a moment against other moments of the batch.

The reference that the paper's method is measured against (arm A1 of the ablation), and the recipe of the interim
default encoder. Both parts of the encoder learn by InfoNCE, each on its own; their heads are whitened at the end.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample, interpolate

from encoder.checkpoint import save_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.errors import WorldError
from encoder.model import Encoder
from encoder.transforms import clips_to_tensor, normalise
from training.frames import Frames, decode_frames
from training.losses.instance import info_nce

_OVERSAMPLED = 2  # cached frames for each grid frame, so that views can differ in start and tempo
_MARGIN = 1.125  # cached pixels for each pixel of a view
_SAVE_EVERY = 50  # steps
_WHITENING_BATCHES = 40

Report = Callable[[str, int, int], None]  # (what is counted, done, of all)


class TrainingError(WorldError):
    """A training run that can't start or go on, in one sentence."""


@dataclass(frozen=True)
class Settings:
    """What a run's result depends on besides its videos."""

    steps: int = 1500
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    temperature: float = 0.1
    seed: int = 0


def run(
    files: Sequence[Path],
    out: Path,
    settings: Settings,
    report: Report,
    resume: bool = False,
    device: str | None = None,
    workers: int = 2,
) -> Path:
    """Train an encoder on video files and return its checkpoint, `out`/encoder.safetensors.

    Args:
        files: the videos; those that can't be read are passed over.
        out: folder for the encoder, the state to resume from, and metrics.jsonl.
        settings: of the run; when resuming, the same as before.
        report: called as work goes on.
        resume: go on from the state in `out` rather than refuse it.
        device: torch device; None for a GPU where there is one.
        workers: files decoded at once.

    Raises:
        TrainingError: there is nothing to train on, or `out` holds a run and `resume` is not asked for.
    """
    if out.exists() and not out.is_dir():
        raise TrainingError(f"{out} is a file; give a folder for the training run")
    trainer = _Trainer(EncoderConfig(), ClipSpec(), settings, torch.device(device or _best_device()))
    if (out / "state.pt").exists():
        if not resume:
            raise TrainingError(f"{out} holds a training run; go on with it by --resume, or give another folder")
        trainer.load(out / "state.pt")
    size = round(trainer.spec.size * _MARGIN)
    frames, _ = decode_frames(
        files, trainer.spec.fps * _OVERSAMPLED, size, workers, lambda done: report("videos read", done, len(files))
    )
    if not frames:
        raise TrainingError(f"none of the {len(files)} files given to train on can be read as video")
    out.mkdir(parents=True, exist_ok=True)
    trainer.train(frames, out, report)
    save_encoder(trainer.encoder, trainer.spec, out / "encoder.safetensors")
    return out / "encoder.safetensors"


class _Trainer:
    """A run between two steps: weights, optimiser, random state and the number of the next step."""

    def __init__(self, config: EncoderConfig, spec: ClipSpec, settings: Settings, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        self.spec, self.settings, self.device = spec, settings, device
        self.rng = torch.Generator().manual_seed(settings.seed)
        self.encoder = Encoder(config).to(device)
        self.projectors = nn.ModuleList([Projector(config.look_dim), Projector(config.motion_dim)]).to(device)
        self.weights = [*self.encoder.parameters(), *self.projectors.parameters()]
        self.optimiser = torch.optim.AdamW(self.weights, settings.learning_rate, weight_decay=settings.weight_decay)
        self.step = 0

    def train(self, videos: list[Frames], out: Path, report: Report) -> None:
        """Train to the last step, saving now and then, then whiten the heads on the same videos."""
        self.encoder.train()
        while self.step < self.settings.steps:
            loss = self._step(sample_pair(videos, self.spec, self.settings.batch, self.rng))
            with (out / "metrics.jsonl").open("a") as metrics:
                metrics.write(json.dumps({"step": self.step, "loss": loss}) + "\n")
            self.step += 1
            if self.step % _SAVE_EVERY == 0 or self.step == self.settings.steps:
                self.save(out / "state.pt")
            report("steps", self.step, self.settings.steps)
        self.encoder.eval()
        plain = (
            sample_pair(videos, self.spec, self.settings.batch, self.rng, plain=True) for _ in range(_WHITENING_BATCHES)
        )
        whiten(self.encoder, [clips.to(self.device) for clips, _ in plain])

    def _step(self, pair: tuple[Tensor, Tensor]) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * _schedule(self.step / self.settings.steps)
        loss = contrast(self.encoder, self.projectors, torch.cat(pair).to(self.device), self.settings.temperature)
        if not math.isfinite(value := loss.item()):
            raise TrainingError(f"the loss became {value} at step {self.step}; train with a lower learning rate")
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.weights, 5.0)
        self.optimiser.step()
        return value

    def save(self, path: Path) -> None:
        """Write all that the next step depends on, whole or not at all."""
        partial = path.with_name(path.name + ".part")
        try:
            torch.save(
                {**self._modules(), "rng": self.rng.get_state(), "step": self.step, "settings": asdict(self.settings)},
                partial,
            )
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def load(self, path: Path) -> None:
        """Go on from where `save` was called.

        Raises:
            TrainingError: that run had other settings.
        """
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["settings"] != asdict(self.settings):
            raise TrainingError(
                f"the run in {path.parent} had other settings ({state['settings']}); resume with the same"
            )
        self.encoder.load_state_dict(state["encoder"])
        self.projectors.load_state_dict(state["projectors"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.rng.set_state(state["rng"].cpu())
        self.step = state["step"]
        _forget_after(path.parent / "metrics.jsonl", self.step)

    def _modules(self) -> dict[str, Any]:
        return {
            "encoder": self.encoder.state_dict(),
            "projectors": self.projectors.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }


def contrast(encoder: Encoder, projectors: nn.ModuleList, clips: Tensor, temperature: float) -> Tensor:
    """InfoNCE in both directions of both parts of the encoder, averaged.

    Args:
        encoder: to train.
        projectors: one for each part.
        clips: (2 B, 3, T, H, W), the first views of B moments and then the second ones.
        temperature: of the contrast.
    """
    losses = []
    for part, projector in zip(encoder.parts(clips), projectors, strict=True):
        first, second = projector(part).chunk(2)
        losses += [info_nce(first, second, temperature), info_nce(second, first, temperature)]
    return torch.stack(losses).mean()


class Projector(nn.Sequential):
    """Two-layer head that takes the contrast's loss of information upon itself; dropped after training."""

    def __init__(self, dim: int) -> None:
        super().__init__(nn.Linear(dim, 256), nn.ReLU(), nn.Linear(256, 128))


def _schedule(done: float) -> float:
    """Learning rate over its peak: 5 % warm-up, then a cosine to zero."""
    return done / 0.05 if done < 0.05 else 0.5 * (1 + math.cos(math.pi * (done - 0.05) / 0.95))


def sample_pair(
    videos: list[Frames], spec: ClipSpec, batch: int, rng: torch.Generator, plain: bool = False
) -> tuple[Tensor, Tensor]:
    """Draw moments and two views of each as (B, 3, T, H, W) network input; not augmented if `plain`."""
    lengths = torch.tensor([len(video) for video in videos], dtype=torch.float64)
    chosen = torch.multinomial(lengths.sqrt(), batch, replacement=batch > len(videos), generator=rng)
    moments = [(videos[i], _uniform(rng, 0, max(0, len(videos[i]) - spec.frames * _OVERSAMPLED))) for i in chosen]
    first, second = (torch.stack([_window(v, at, spec, rng, plain) for v, at in moments]) for _ in range(2))
    if plain:
        return _resize(first, spec.size), _resize(second, spec.size)
    return _augment(first, spec.size, rng), _augment(second, spec.size, rng)


def _window(video: Frames, at: float, spec: ClipSpec, rng: torch.Generator, plain: bool) -> Tensor:
    stride = _OVERSAMPLED * (1.0 if plain else _uniform(rng, 0.8, 1.25))
    jitter = 0.0 if plain else _uniform(rng, -_OVERSAMPLED, _OVERSAMPLED)  # up to a grid frame either way
    index = np.rint(at + jitter + stride * np.arange(spec.frames)).astype(int).clip(0, len(video) - 1)
    return torch.from_numpy(video[index])


def _augment(clips: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Crop, flip and recolour each clip, its frames alike: (B, T, H, W, 3) uint8 to (B, 3, T, size, size)."""
    batch, time = clips.shape[:2]
    frames = clips.permute(0, 1, 4, 2, 3).float().flatten(0, 1) / 255
    area = _draw(rng, batch, 0.4, 1.0)
    aspect = _draw(rng, batch, math.log(0.75), math.log(1.33)).exp()
    width, height = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    flip = torch.where(_draw(rng, batch, 0, 1) < 0.5, -1.0, 1.0)
    boxes = torch.zeros(batch, 2, 3)
    boxes[:, 0, 0], boxes[:, 1, 1] = width * flip, height
    boxes[:, 0, 2] = (1 - width) * _draw(rng, batch, -1, 1)
    boxes[:, 1, 2] = (1 - height) * _draw(rng, batch, -1, 1)
    grid = affine_grid(boxes.repeat_interleave(time, 0), [len(frames), 3, size, size], align_corners=False)
    frames = grid_sample(frames, grid, padding_mode="border", align_corners=False)
    return normalise(_recolour(frames.reshape(batch, time, *frames.shape[1:]), rng).transpose(1, 2))


def _recolour(clips: Tensor, rng: torch.Generator) -> Tensor:
    """Change contrast, brightness, saturation, white balance of (B, T, 3, H, W) clips; a fifth turn grey."""
    batch = len(clips)
    contrast, brightness = _draw(rng, batch, 0.6, 1.4), _draw(rng, batch, -0.2, 0.2)
    saturation = torch.where(_draw(rng, batch, 0, 1) < 0.2, torch.zeros(batch), _draw(rng, batch, 0.4, 1.6))
    balance = 1 + 0.15 * (2 * torch.rand(batch, 1, 3, 1, 1, generator=rng) - 1)
    grey = clips.mean(2, keepdim=True)
    clips = (grey + (clips - grey) * saturation.view(-1, 1, 1, 1, 1)) * balance
    mean = clips.mean((1, 2, 3, 4), keepdim=True)
    contrast, brightness = (each.view(-1, 1, 1, 1, 1) for each in (contrast, brightness))
    return ((clips - mean) * contrast + mean + brightness).clamp(0, 1)


def _resize(clips: Tensor, size: int) -> Tensor:
    whole = clips_to_tensor(clips)
    return interpolate(whole, (whole.shape[2], size, size), mode="area")


def _draw(rng: torch.Generator, count: int, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=rng)


def _uniform(rng: torch.Generator, low: float, high: float) -> float:
    return _draw(rng, 1, low, high).item()


@torch.inference_mode()
def whiten(encoder: Encoder, batches: list[Tensor], floor: float = 0.01) -> None:
    """Make both heads' outputs uncorrelated and of one variance over the given clips, without labels.

    The rotation and scale go into the linear heads, so the encoder runs as before. Directions of less than
    `floor` of the largest variance are scaled as if they had that much: they are mostly noise.
    """
    features = [torch.cat(part) for part in zip(*(encoder.features(batch) for batch in batches), strict=True)]
    for head, feature in zip((encoder.look_head, encoder.motion_head), features, strict=True):
        output = head(feature).double()
        centre = output.mean(0)
        variance, directions = torch.linalg.eigh((output - centre).T.cov())
        scale = variance.clamp(min=floor * variance.max().item()).rsqrt()
        turn = (directions * scale).T
        head.weight.copy_((turn @ head.weight.double()).float())
        head.bias.copy_((turn @ (head.bias.double() - centre)).float())


def _forget_after(metrics: Path, step: int) -> None:
    """Drop the lines of steps that are done again, since they came after the last saved state."""
    if metrics.exists():
        kept = [line for line in metrics.read_text().splitlines() if line and json.loads(line)["step"] < step]
        metrics.write_text("".join(f"{line}\n" for line in kept))


def _best_device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"
