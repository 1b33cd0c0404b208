"""Train an encoder by instance contrast: two random views of a moment against other moments of the batch.

The reference that the paper's method is measured against (arm A1 of the ablation), and the recipe of the
interim default encoder. Both parts of the encoder learn by InfoNCE, each on its own; at the end the heads are
whitened.

    python -m training.instance --videos DIR --exclude 'mlr511/user0[678]/*' --out encoder.safetensors
"""

import math
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from encoder.checkpoint import save_encoder
from encoder.clips import ClipSpec
from encoder.model import Encoder, EncoderConfig
from encoder.transforms import clips_to_tensor, normalise
from training.frames import Frames, decode_frames
from training.losses import info_nce

_OVERSAMPLED = 2  # cached frames for each grid frame, so that views can differ in start and tempo
_MARGIN = 1.125  # cached pixels for each pixel of a view


@dataclass(frozen=True)
class Settings:
    """What a run depends on besides its videos."""

    minutes: float = 40.0
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    temperature: float = 0.1
    seed: int = 0


class Projector(nn.Sequential):
    """Two-layer head that takes the contrast's loss of information upon itself; dropped after training."""

    def __init__(self, dim: int) -> None:
        super().__init__(nn.Linear(dim, 256), nn.ReLU(), nn.Linear(256, 128))


def train(videos: list[Frames], config: EncoderConfig, spec: ClipSpec, settings: Settings) -> Encoder:
    """Train an encoder on cached frames for the given time, then whiten its two heads on the same videos."""
    torch.manual_seed(settings.seed)
    rng = torch.Generator().manual_seed(settings.seed)
    encoder = Encoder(config)
    projectors = nn.ModuleList([Projector(config.look_dim), Projector(config.motion_dim)])
    weights = [*encoder.parameters(), *projectors.parameters()]
    optimiser = torch.optim.AdamW(weights, settings.learning_rate, weight_decay=settings.weight_decay)
    started, budget_s, step, shown = time.monotonic(), settings.minutes * 60, 0, 0.0
    text = TextColumn("step {task.fields[step]} loss {task.fields[loss]:.3f}")
    with Progress(text, BarColumn(), TimeRemainingColumn()) as progress:
        task = progress.add_task("train", total=budget_s, step=0, loss=math.nan)
        while (elapsed := time.monotonic() - started) < budget_s:
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * _schedule(elapsed / budget_s)
            pair = sample_pair(videos, spec, settings.batch, rng)
            loss = _contrast(encoder, projectors, pair, settings.temperature)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(weights, 5.0)
            optimiser.step()
            step, shown = step + 1, 0.95 * shown + 0.05 * loss.item()
            progress.update(task, completed=elapsed, step=step, loss=shown / (1 - 0.95**step))
    whiten(encoder.eval(), [sample_pair(videos, spec, settings.batch, rng, plain=True)[0] for _ in range(40)])
    return encoder


def _contrast(
    encoder: Encoder, projectors: nn.ModuleList, pair: tuple[Tensor, Tensor], temperature: float
) -> Tensor:
    losses = []
    for part, projector in zip(encoder.parts(torch.cat(pair)), projectors, strict=True):
        first, second = projector(part).chunk(2)
        losses += [info_nce(first, second, temperature), info_nce(second, first, temperature)]
    return torch.stack(losses).mean()


def _schedule(done: float) -> float:
    """Learning rate over its peak: 5 % warm-up, then a cosine to zero."""
    return done / 0.05 if done < 0.05 else 0.5 * (1 + math.cos(math.pi * (done - 0.05) / 0.95))


def sample_pair(
    videos: list[Frames], spec: ClipSpec, batch: int, rng: torch.Generator, plain: bool = False
) -> tuple[Tensor, Tensor]:
    """Draw moments and two views of each as (B, 3, T, H, W) network input; not augmented if `plain`."""
    lengths = torch.tensor([len(video) for video in videos], dtype=torch.float64)
    chosen = torch.multinomial(lengths.sqrt(), batch, replacement=batch > len(videos), generator=rng)
    moments = [
        (videos[i], _uniform(rng, 0, max(0, len(videos[i]) - spec.frames * _OVERSAMPLED))) for i in chosen
    ]
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
    return nn.functional.interpolate(whole, (whole.shape[2], size, size), mode="area")


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


def main(
    videos: Annotated[Path, typer.Option(help="Folder of videos, searched with all its subfolders.")],
    out: Annotated[Path, typer.Option(help="Checkpoint to write.")],
    exclude: Annotated[list[str], typer.Option(help="Leave out paths under the folder that match.")] = [],  # noqa: B006
    minutes: Annotated[float, typer.Option(help="Training time.")] = 40.0,
    seed: int = 0,
    workers: int = 2,
) -> None:
    """Train an encoder by plain instance contrast."""
    spec = ClipSpec()
    found = sorted(p for p in videos.rglob("*.mp4") if not _matches(p.relative_to(videos), exclude))
    size = round(spec.size * _MARGIN)
    frames, failed = decode_frames(found, spec.fps * _OVERSAMPLED, size, workers)
    typer.echo(f"{len(frames)} videos, {sum(map(len, frames))} frames, {len(failed)} could not be read")
    encoder = train(frames, EncoderConfig(), spec, Settings(minutes=minutes, seed=seed))
    typer.echo(f"{out}: encoder {save_encoder(encoder, spec, out)}")


def _matches(path: Path, patterns: list[str]) -> bool:
    return any(fnmatch(path.as_posix(), pattern) for pattern in patterns)


if __name__ == "__main__":
    typer.run(main)
