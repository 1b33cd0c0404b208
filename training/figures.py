"""Pictures of the method at work, those of docs/method.md: `python -m training.figures OUT [--encoder FILE]`.

All show the synthetic collection, so that anyone can draw them anew. The maps are those of the network that ships
with the program, whose regions have a bin a frame.

Sizes: T H W cells of a map, N of them in all.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from itertools import chain
from pathlib import Path

import matplotlib

matplotlib.use("Agg")  # draws files, opens no window
import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from torch import Tensor
from torch.nn.functional import normalize

from encoder.backbones import TSM
from encoder.backbones.lattice import compose
from encoder.checkpoint import load_encoder
from encoder.clips import ClipSpec
from encoder.config import EncoderConfig
from encoder.model import Encoder
from encoder.transforms import normalise
from training.cache import Frames
from training.losses.adversary import PARAMETERS, Strength, random_values, recolour
from training.losses.region import coverage_targets, gaussian_targets, nearest_targets
from training.objective import motion_energy
from training.render import render
from training.synthetic import Labelled, synthetic_collection
from training.views import Bounds, View, Views, ViewSpec, cell_bounds, coverage, distance, sample_views, time_coverage

_CLIP = ClipSpec()
_LATTICE = compose((_CLIP.frames, _CLIP.size, _CLIP.size), TSM.to_regions)
_NAMES = ("first local", "second local", "global")
_COLOURS = ("#0072B2", "#D55E00", "#404040")  # of the views; the colour-blind tell these and the next apart
_MARKS = ("#E69F00", "#56B4E9", "#F0E442", "#CC79A7")
_SHOWN = 112  # pixels of a view in a picture
_FEW = 23  # levels of a colour, for figures full of pictures
_VIEWS = 11431  # seed of the views that are drawn: long and bright ones, of which one is flipped


def draw_all(out: Path, encoder: Path | None = None) -> None:
    """Draw views.png, overlap.png, similarity.png and adversary.png.

    Args:
        out: folder, made if missing.
        encoder: a checkpoint, whose bins are shown beside those of the same network untrained.
    """
    out.mkdir(parents=True, exist_ok=True)
    data = synthetic_collection(3, 2, 160, 32.0, seconds=3.0)  # neither trained nor measured on with this seed
    rising, *others = (data.videos[data.labels.index(name)] for name in ("get_up", "open_arms", "topple"))
    views = sample_views(len(rising) / data.fps, torch.Generator().manual_seed(_VIEWS), ViewSpec())
    draw_views(rising, data.fps, views, out / "views.png")
    draw_overlap(rising, data.fps, views, out / "overlap.png")
    draw_adversary(others, out / "adversary.png")
    trained = load_encoder(encoder) if encoder else None
    torch.manual_seed(0)
    encoders = {"untrained": Encoder(trained.config if trained else EncoderConfig()).eval()}
    if trained:
        encoders["trained"] = trained.encoder
    draw_similarity(data, encoders, trained.spec if trained else _CLIP, out / "similarity.png")


def draw_views(video: Frames, fps: float, views: Views, path: Path) -> None:
    """Draw where in a video its views lie, what they show, and some cells that show the same."""
    with _figure(
        path, 11, 7.6, "A video and three views of it, each cropped and coloured in its own way", _FEW
    ) as figure:
        grid = figure.add_gridspec(4, _CLIP.frames, height_ratios=[1.5, 1, 1, 1])
        _draw_times(figure.add_subplot(grid[0, :]), video, fps, views)
        rows = [[figure.add_subplot(grid[row, j]) for j in range(_CLIP.frames)] for row in (1, 2, 3)]
        for axes, view, name, colour in zip(rows, views, _NAMES, _COLOURS, strict=True):
            _draw_view(axes, _picture(video, fps, view), view, name, colour)
        found = ((i, cell) for i in (0, 1) for cell in _moving_cells(video, fps, views[i], views.whole))
        for mark, (i, cell) in zip(_MARKS, found, strict=True):
            shares = _covered(views[i], views.whole)[0, cell]
            _outline(rows[i], cell, mark)
            for other in (shares > 0.03).nonzero().flatten().tolist():
                _outline(rows[2], other, mark, float(shares[other] / shares.max()))
        said = (
            "outlined: cells of the locals; in the same colour, the global cells that cover them, the bolder the more"
        )
        figure.supxlabel(said)


def draw_overlap(video: Frames, fps: float, views: Views, path: Path) -> None:
    """Draw how the overlap of a local cell with the global ones comes about, and the targets made of it."""
    cells, others = _bounds(views.first, views.whole)
    covered, apart, cell = coverage(cells, others), distance(cells, others), _moving_cells(video, fps, *views[::2])[0]
    targets = {
        "target: soft coverage": coverage_targets(covered).shares[0, cell],
        "hard, nearest cell": nearest_targets(covered, apart).shares[0, cell],
        "Gaussian of distance": gaussian_targets(covered, apart).shares[0, cell],
    }
    a, *_ = _place(cell)
    with _figure(path, 9, 9.4, "Where one cell of the first local lies among the cells of the global view") as figure:
        panels = figure.subplots(4, 4)
        _show(panels[0, 0], _picture(video, fps, views.first)[a], _COLOURS[0])
        _outline([panels[0, 0]] * len(cells.t[0]), cell, _MARKS[0])
        panels[0, 0].set_title(f"first local, frame {a}")
        _draw_factors(panels[0, 1:], cells, others, cell)
        _draw_targets(panels[1:], _picture(video, fps, views.whole), targets, _seen_by(views.whole, cells, cell))
        figure.supxlabel("per cent of the target, in three of the global bins; orange: the local cell's place")


def draw_similarity(data: Labelled, encoders: Mapping[str, Encoder], clip: ClipSpec, path: Path) -> None:
    """Draw how alike the bins of local and global views are to each encoder, beside how alike they should be."""
    drawn = _aligned(data, clip)
    lattice = next(iter(encoders.values())).motion.final_lattice(clip.frames, clip.size, clip.size)
    first, second, whole = (cell_bounds([views[i] for views in drawn], lattice, clip.size) for i in range(3))
    target = torch.cat([time_coverage(local, whole) for local in (first, second)], 1)
    shown = [render(data.videos, [views[i] for views in drawn], data.fps, clip.size) for i in range(3)]
    title = f"How alike bins of local and global views are, mean of {len(drawn)} videos; dots: the right ones"
    with _figure(path, 3.6 * (1 + len(encoders)), 6, title) as figure:
        panels = figure.subplots(1, 1 + len(encoders), squeeze=False)[0]
        image = panels[0].imshow(target[0].numpy(), cmap="Greys", vmin=0, vmax=1)
        figure.colorbar(image, ax=panels[0], location="bottom", label="share of the local bin covered")
        panels[0].set_title("what should be found\n")
        for axes, (name, encoder) in zip(panels[1:], encoders.items(), strict=True):
            similar = _similar(encoder, shown)
            right = (similar.argmax(-1) == target.argmax(-1)).float().mean().item()
            image = axes.imshow(similar.mean(0).numpy(), cmap="PuOr_r", vmin=-0.6, vmax=0.6)
            axes.scatter(target[0].argmax(-1).numpy(), range(target.shape[1]), 14, "black")
            axes.set_title(f"{name}: most alike is right\nfor {right:.0%} (chance {1 / target.shape[2]:.0%})")
            figure.colorbar(image, ax=axes, location="bottom", label="cosine of bins less their mean over time")
        for axes in panels:
            _label_bins(axes, lattice.shape[0])


def draw_adversary(videos: Sequence[Frames], path: Path) -> None:
    """Draw clips as they are, recoloured at random, and as far as each part of a recolouring may go."""
    rng = torch.Generator().manual_seed(1)
    columns = {"as it is": torch.zeros(1, PARAMETERS)}
    columns |= {f"random {number}": random_values(1, rng) for number in (1, 2, 3)} | _extremes()
    title = "What MI-A may do: change colours and light, in all frames of a clip alike, and move nothing"
    with _figure(path, 11, 1.4 * 2 * len(videos) + 0.8, title, _FEW) as figure:
        panels = figure.subplots(2 * len(videos), len(columns), squeeze=False)
        for column, (name, values) in enumerate(columns.items()):
            panels[0, column].set_title(name)
            frames = chain.from_iterable(_recoloured(video, values) for video in videos)
            for axes, frame in zip(panels[:, column], frames, strict=True):
                _show(axes, frame)
        for row, axes in enumerate(panels[:, 0]):
            axes.set_ylabel(f"clip {row // 2 + 1}\n{('early', 'late')[row % 2]} frame")


@contextmanager
def _figure(path: Path, width: float, height: float, title: str, levels: int = 255) -> Iterator[Figure]:
    """A figure of that many inches, written at the end; fewer levels of each colour make a smaller file."""
    with plt.rc_context({"axes.titlesize": 10, "figure.labelsize": 10}):
        figure = plt.figure(figsize=(width, height), layout="constrained")
        try:
            figure.suptitle(title)
            yield figure
            whole = BytesIO()
            figure.savefig(whole, format="png", dpi=100)
            whole.seek(0)
            plt.imsave(path, np.round(plt.imread(whole)[..., :3] * levels) / levels, pil_kwargs={"optimize": True})
        finally:
            plt.close(figure)


def _picture(video: Frames, fps: float, view: View) -> Tensor:
    """(T, H, W, 3) what a view shows."""
    return render([video], [view], fps, _SHOWN)[0].permute(1, 2, 3, 0)


def _show(axes: Axes, picture: Tensor, colour: str | None = None) -> None:
    axes.imshow(picture.numpy(), extent=(0, 1, 1, 0))
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(1, 0))
    axes.spines[:].set(color=colour or "white", linewidth=2)


def _draw_times(axes: Axes, video: Frames, fps: float, views: Views) -> None:
    """A film strip on the axis of time, and below it the span of each view with its frames as ticks."""
    seconds, count = len(video) / fps, 12
    for k in range(count):
        middle = video[int((k + 0.5) / count * len(video))]
        axes.imshow(middle, extent=(k * seconds / count, (k + 0.97) * seconds / count, 0, 1), aspect="auto")
    for row, (view, name, colour) in enumerate(zip(views, _NAMES, _COLOURS, strict=True)):
        level = -0.25 - 0.4 * row
        axes.barh(level, view.span, 0.28, view.start, color=colour, alpha=0.25)
        axes.scatter(view.times(), [level] * view.frames, 60, colour, marker="|")
        axes.text(view.start - 0.05, level, name, color=colour, va="center", ha="right")
    axes.set(xlim=(0, seconds), ylim=(-1.3, 1), yticks=[], xlabel="seconds of the video; a tick is a frame of a view")
    axes.spines[["top", "left", "right"]].set_visible(False)


def _draw_view(row: Sequence[Axes], pictures: Tensor, view: View, name: str, colour: str) -> None:
    for axes, picture, time in zip(row, pictures, view.times(), strict=True):
        _show(axes, picture, colour)
        axes.set_title(f"{time:.1f} s", fontsize=9, pad=3)
    flipped = [", flipped"] if view.flipped else []
    area = f"{view.box.width * view.box.height:.0%} of the picture"
    row[0].set_ylabel("".join([name, *flipped, "\n", area]), color=colour, fontsize=9)


def _bounds(*views: View) -> list[Bounds]:
    return [cell_bounds([view], _LATTICE, _CLIP.size) for view in views]


def _covered(view: View, other: View) -> Tensor:
    cells, others = _bounds(view, other)
    return coverage(cells, others)


def _moving_cells(video: Frames, fps: float, local: View, whole: View) -> list[int]:
    """Of an early and a late frame, the cell in which most moves of those that the global view shows all of."""
    energy = motion_energy(render([video], [local], fps, _CLIP.size), _LATTICE.shape)[0]
    shown = _covered(local, whole)[0].sum(-1) > 0.99
    by_frame = torch.where(shown, energy, -1).reshape(_LATTICE.shape[0], -1)
    time, count = by_frame.shape
    return [frame * count + int(by_frame[frame].argmax()) for frame in (time // 4, 3 * time // 4)]


def _place(cell: int) -> tuple[int, int, int]:
    """(a, b, c) of a cell."""
    _, height, width = _LATTICE.shape
    return cell // (height * width), cell // width % height, cell % width


def _outline(row: Sequence[Axes], cell: int, colour: str, strength: float = 1.0) -> None:
    """Outline a cell in its frame of a row."""
    a, b, c = _place(cell)
    _, height, width = _LATTICE.shape
    box = Rectangle((c / width, b / height), 1 / width, 1 / height, fill=False, edgecolor=colour, linewidth=2)
    box.set(alpha=0.2 + 0.8 * strength, path_effects=[withStroke(linewidth=3.5, foreground="black")])
    row[a].add_patch(box)


def _seen_by(whole: View, cells: Bounds, cell: int) -> Rectangle:
    """The place of a local cell in the picture of the global view, in fractions of it."""
    _, b, c = _place(cell)
    (top, bottom), (left, right), box = cells.y[0, b].tolist(), cells.x[0, c].tolist(), whole.box
    x0 = (box.x0 + box.width - right if whole.flipped else left - box.x0) / box.width
    width, height = (right - left) / box.width, (bottom - top) / box.height
    return Rectangle((x0, (top - box.y0) / box.height), width, height, fill=False, edgecolor=_MARKS[0], linewidth=2)


def _draw_factors(panels: Sequence[Axes], cells: Bounds, others: Bounds, cell: int) -> None:
    """The overlap of all cells along each axis, the row of the one cell outlined."""
    for axes, symbol, row, own, other in zip(panels, "tyx", _place(cell), cells, others, strict=True):
        share = time_coverage(Bounds(own, own, own), Bounds(other, other, other))[0]
        axes.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
        axes.add_patch(Rectangle((-0.5, row - 0.5), share.shape[1], 1, fill=False, edgecolor=_MARKS[0], linewidth=2))
        name = {"t": "time", "y": "height", "x": "width"}[symbol]
        axes.set(title=f"$o_{symbol}$: overlap in {name}", xlabel="global cell", ylabel="local cell")


def _draw_targets(
    panels: Sequence[Sequence[Axes]], pictures: Tensor, targets: Mapping[str, Tensor], place: Rectangle
) -> None:
    """A row for each of the bins around the one that holds most: the frame, then each kind of target."""
    shares = {name: target.reshape(_LATTICE.shape) for name, target in targets.items()}
    most = int(next(iter(shares.values())).sum((1, 2)).argmax())
    first = min(max(0, most - 1), len(pictures) - len(panels))
    for a, row in enumerate(panels, start=first):
        _show(row[0], pictures[a], _COLOURS[2])
        row[0].set_ylabel(f"global view, bin {a}", color=_COLOURS[2])
        for axes, (name, share) in zip(row[1:], shares.items(), strict=True):
            axes.set_title(f"{name}\n" * (a == first) + f"{share[a].sum():.0%} in this bin")
            _draw_share(axes, share[a])
        for axes in row:
            axes.add_patch(Rectangle(place.get_xy(), place.get_width(), place.get_height(), fill=False, ec=_MARKS[0]))


def _draw_share(axes: Axes, share: Tensor) -> None:
    """Cells of one bin, the share of each in per cent."""
    height, width = share.shape
    edges = [np.linspace(0, 1, count + 1) for count in (width, height)]
    axes.pcolormesh(*edges, share.numpy(), cmap="Greens", vmin=0, vmax=0.6, edgecolors="#DDDDDD", linewidth=0.5)
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(1, 0), aspect="equal")
    for b, c in (share > 0.005).nonzero().tolist():
        colour = "white" if share[b, c] > 0.4 else "black"
        text = f"{100 * share[b, c]:.0f}"
        axes.text((c + 0.5) / width, (b + 0.5) / height, text, color=colour, size=8, ha="center", va="center")


def _aligned(data: Labelled, clip: ClipSpec) -> list[Views]:
    """Global views of clips of each video, and locals that are exactly their halves, so that all have one target."""
    rng = torch.Generator().manual_seed(0)
    spec = ViewSpec(frames=clip.frames, shortest_stride=clip.frame_s / 2, longest_stride=clip.frame_s / 2)
    drawn = [sample_views(len(video) / data.fps, rng, spec) for video in data.videos]
    return [
        Views(replace(first, start=whole.start), replace(second, start=whole.start + whole.span / 2), whole)
        for first, second, whole in drawn
    ]


@torch.inference_mode()
def _similar(encoder: Encoder, shown: Sequence[Tensor]) -> Tensor:
    """(B, 2 T, T) cosines of local bins to global ones, both less their means over time."""
    first, second, whole = (encoder.motion_maps(normalise(clips)).final.mean((3, 4)).mT for clips in shown)
    both = torch.cat([first, second], 1)
    own, others = (normalize(bins - bins.mean(1, keepdim=True), dim=-1) for bins in (both, whole))
    return own @ others.mT


def _label_bins(axes: Axes, bins: int) -> None:
    axes.axhline(bins - 0.5, color="black", linewidth=1)
    axes.set(xlabel="bin of the global view", xticks=range(bins))
    axes.set_yticks(range(2 * bins), [*range(bins)] * 2)
    axes.set_ylabel("of the second local       bin of the first local")


def _recoloured(video: Frames, values: Tensor) -> Tensor:
    """(2, H, W, 3) an early and a late frame."""
    clip = torch.from_numpy(video[[0, -1]]).permute(3, 0, 1, 2) / 255
    return recolour(clip.unsqueeze(0), values, Strength())[0].permute(1, 2, 3, 0)


def _extremes() -> dict[str, Tensor]:
    """Values that push one part of a recolouring to its bound, by name."""
    values = {name: torch.zeros(1, PARAMETERS) for name in ("matrix only", "bias only", "gamma only", "gain only")}
    values["matrix only"][:, :9] = torch.tensor([-1, 1, 0, 1, -1, 0, 0, -1, 1])
    values["bias only"][:, 9:12] = torch.tensor([1, -1, 1])
    values["gamma only"][:, 12] = 1
    values["gain only"][:, 13:] = torch.tensor([1, 0.4, -0.4, -1]).repeat(4)
    return values


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--encoder", type=Path)
    arguments = parser.parse_args()
    draw_all(arguments.out, arguments.encoder)
