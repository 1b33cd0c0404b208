"""What the Train tab shows of training runs, as HTML and as tables for its plots."""

from collections.abc import Sequence
from html import escape
from typing import Any

import pandas as pd

from app.encoders import fingerprint_of
from app.text import file_name
from app.trainings import TrainingState, smoothed
from app.ui import fragments
from app.ui.job import JobState
from app.ui.site import Site

_POINTS = 300  # of a curve: more can't be told apart on a screen
_ADOPTION = (
    "All videos are indexed anew with this encoder. Searches go on with the present one until that is done; "
    "nothing is lost if it is stopped."
)
_DELETION = "Deletes this run and its encoder. A library that uses it keeps its own copy."
RECIPES = {
    "collection": "the encoder that comes with reelseek learns on, a quarter of an hour or so on two cores",
    "small": "a smaller one from nothing, half an hour or so on two cores",
    "tiny": "to see that it works, in a few minutes",
    "default": "like the encoder that comes with reelseek; for a GPU",
}


def first_steps() -> str:
    """What is shown before the first run."""
    return fragments.steps(
        "Teach an encoder what moves in your videos",
        [
            "Choose the folders to learn from: 16 videos or more, no labels needed.",
            "Press Start. It goes on when you close this page, and can be stopped and gone on with at any time.",
            "Compare the new encoder with the one in use in the Evaluate tab, then let the library use it.",
        ],
    )


def told(state: TrainingState | None) -> str:
    """How far a run is, or how it ended."""
    if state is None:
        return ""
    progress = state.progress
    if state.running:
        share = progress.done / progress.total if progress.total else 0.0
        text = f"{progress.done:,} of {progress.total:,} {progress.unit}" if progress.total else "Starting"
        title = f"Training {state.name}"
        return fragments.progress(JobState(title, running=True, share=share, text=text, left_s=progress.left_s))
    left_out = f" {progress.unreadable:,} videos could not be read and were left out." if progress.unreadable else ""
    if state.encoder:
        return fragments.note(f"Run {state.name} is complete.{left_out}", "good")
    if progress.how == "failed":
        return fragments.note(f"Run {state.name} ended early: {progress.error}", "bad")
    why = "was broken off" if state.broken_off else "is stopped"
    return fragments.note(f"Run {state.name} {why}; Resume goes on from there.{left_out}")


def runs(site: Site, states: Sequence[TrainingState]) -> str:
    """All runs, the newest first, with what can be done with each."""
    if not states:
        return ""
    busy = any(state.running for state in states)
    rows = "".join(_run(site, state, busy) for state in states)
    return f'<section class="rs-section"><h3>Runs</h3><ul class="rs-folders">{rows}</ul></section>'


def loss_curve(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """The loss over the steps, smoothed."""
    points = pd.DataFrame({"step": [row["step"] for row in rows], "loss": smoothed([row["loss"] for row in rows])})
    return points.iloc[:: 1 + len(points) // _POINTS]


def recall_curve(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """How often one half of a video finds the other, over the steps, in per cent."""
    probed = [row for row in rows if "recall" in row]
    return pd.DataFrame({"step": [row["step"] for row in probed], "R@1, %": [100 * row["recall"] for row in probed]})


def _run(site: Site, state: TrainingState, busy: bool) -> str:
    progress, request = state.progress, state.request
    where = ", ".join(file_name(folder) for folder in request.folders)
    facts = [f"{len(request.files):,} videos of {where}"]
    if progress.unit == "steps":
        facts.append(f"{progress.done:,} of {progress.total:,} steps")
    facts.append(_standing(state))
    used = state.encoder is not None and fingerprint_of(state.encoder) == site.library.checkpoint.fingerprint
    return (
        f"<li><div><strong>{escape(state.name)}</strong>"
        f'<span class="rs-hint">{escape(" · ".join(facts))}</span></div>'
        f'<div class="rs-actions">{_actions(state, busy, used)}</div></li>'
    )


def _standing(state: TrainingState) -> str:
    if state.running:
        return "goes on"
    if state.encoder:
        return "complete"
    return "failed" if state.progress.how == "failed" else "stopped"


def _actions(state: TrainingState, busy: bool, used: bool) -> str:
    name = state.name
    buttons = [fragments.action("Curves", "show", name, label=f"Show the curves of {name}")]
    if state.resumable and not busy:
        buttons.append(fragments.action("Resume", "resume", name, label=f"Resume {name}"))
    if used:
        buttons.append('<span class="rs-badge">in use</span>')
    elif state.encoder:
        button = fragments.action("Index anew and use it", "adopt", name, "main")
        buttons.append(fragments.confirmed("Use in the library", f"Use {name} in the library", _ADOPTION, button))
    if not state.running:
        button = fragments.action("Delete the run", "delete", name, "stop")
        buttons.append(fragments.confirmed("Delete", f"Delete {name}", _DELETION, button))
    return "".join(buttons)
