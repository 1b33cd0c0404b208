"""What an encoder in training has learnt, measured on videos it was not trained on."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import normalize

from encoder.backbones import Maps
from encoder.model import Encoder
from encoder.transforms import normalise
from training.batches import Batches, stream
from training.diagnostics import background_swap, recall_at_1
from training.linear_probes import low_level_r2, reversal_accuracy
from training.losses.order import direction_accuracy
from training.matching import bin_matching, region_localisation
from training.objective import direction_logits
from training.processes import Group
from training.recipes import Recipe
from training.run import Run
from training.synthetic import Labelled, one_of_each_pair

_SEED = 1000  # of the views that are measured on: the same for every encoder
_ORDER_BATCHES = 8


@dataclass(frozen=True)
class HeldOut:
    """Videos that no arm is trained on."""

    real: dict[str, Labelled]  # by name
    drawn: Labelled  # synthetic, with exact backgrounds
    moved: Labelled  # the same performances on other backgrounds

    @property
    def main(self) -> Labelled:
        """What the diagnostics of maps and time are measured on."""
        return next(iter(self.real.values()), self.drawn)


def measure(encoder: Encoder, recipe: Recipe, held_out: HeldOut, clips: int = 3) -> dict[str, float]:
    """Every diagnostic of an encoder by its name in the table.

    Args:
        encoder: its motion part's final map is measured, pooled to one vector as the field does, and for `cells R@1`
            pooled to the cells of its config, as it is used.
        recipe: it was trained by; says what clips and views look like.
        held_out: videos to measure on.
        clips: of each video.
    """
    encoder = encoder.eval()
    clip, spec, main = recipe.clip, recipe.views, held_out.main

    def embed(shown: Tensor) -> Tensor:
        return normalize(maps(shown).final.mean((2, 3, 4)), dim=-1)

    def in_cells(shown: Tensor) -> Tensor:
        return normalize(encoder.features(normalise(shown))[-1], dim=-1)

    def maps(shown: Tensor) -> Maps:
        return encoder.motion_maps(normalise(shown))

    found: dict[str, float] = {}
    for name, data in {**held_out.real, "drawn": held_out.drawn}.items():
        found[f"{name} R@1"] = recall_at_1(data, embed, clip.frames, clip.frame_s, clip.size, clips)
        found[f"{name} cells R@1"] = recall_at_1(data, in_cells, clip.frames, clip.frame_s, clip.size, clips)
        found[f"{name} still R@1"] = recall_at_1(data, embed, clip.frames, clip.frame_s, clip.size, clips, still=True)
    swap = background_swap(held_out.drawn, held_out.moved, embed, clip.frames, clip.frame_s, clip.size, clips)
    found |= {"action match": swap.action_match, "background match": swap.background_match}
    one_way = one_of_each_pair(held_out.drawn)
    for name, data in {**held_out.real, "drawn": one_way}.items():
        found[f"{name} reversal"] = reversal_accuracy(data, embed, clip.frames, clip.frame_s, clip.size, _rng(), clips)
    regions = encoder.motion.region_lattice(clip.frames, clip.size, clip.size)
    bins = encoder.motion.final_lattice(clip.frames, clip.size, clip.size)
    place = region_localisation(main, maps, regions, spec, clip.size, _rng())
    time = bin_matching(main, maps, bins, spec, clip.size, _rng())
    found |= {"regions": place.accuracy, "regions chance": place.chance, "places": place.place_accuracy}
    found |= {"bins": time.accuracy, "bins chance": time.chance, "tau": time.kendall_tau}
    found["low-level R2"] = low_level_r2(main, maps, clip.frames, clip.frame_s, clip.size, _rng())
    return found


@torch.inference_mode()
def order_accuracy(state: Path, recipe: Recipe, data: Labelled) -> float:
    """How often a saved run's direction head judges the order of unseen videos rightly; 0.5 by chance."""
    run = Run(recipe, 1, 0, torch.device("cpu"), Group())
    run.restore(state)
    run.adversary = None  # views as they are, for every arm alike
    run.student.eval()
    batch = min(recipe.schedule.batch, len(data.videos))
    batches = Batches(data.videos, data.fps, recipe.views, recipe.clip.size, batch, _SEED, count=_ORDER_BATCHES)
    right = 0.0
    for each in stream(batches, 0):
        seen = run.see(each)
        assert run.critics.direction is not None
        right += direction_accuracy(direction_logits(seen, run.critics.direction), seen.swapped, seen.turned)
    return right / len(batches)


def _rng() -> torch.Generator:
    return torch.Generator().manual_seed(_SEED)
