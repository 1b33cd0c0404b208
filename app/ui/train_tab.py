"""The Train tab: an encoder learns from the visitor's own videos, in a process of its own, and is put to use."""

from pathlib import Path
from typing import Any, get_args

import gradio as gr

from app.encoders import KnownEncoder, fingerprint_of
from app.text import shown
from app.training_files import find
from app.training_run import RecipeName, TrainingRequest, TrainingRunError
from app.trainings import TrainingState
from app.ui import fragments
from app.ui.library_work import AdoptionReport, outcome, start_adoption
from app.ui.site import Site, in_sentences
from app.ui.train_view import RECIPES, first_steps, loss_curve, recall_curve, runs, told

_EVERY_S = 1.5


def build_train_tab(site: Site, tab: gr.Tab, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    roots = [shown(root) for root in site.folders.roots]
    with gr.Row():
        folders = gr.Dropdown(
            [shown(path) for path in site.folders.choices()], value=roots, multiselect=True, allow_custom_value=True,
            label="Folders to learn from", info="No labels are needed; all videos in them are taken.",
            interactive=bool(roots), scale=3, min_width=260, elem_id="rs-train-folders",
        )  # fmt: skip
        recipe = gr.Radio(
            [(f"{name}: {text}", name) for name, text in RECIPES.items()], value="collection", label="Recipe",
            scale=3, min_width=260, elem_id="rs-recipe",
        )  # fmt: skip
    with gr.Accordion("More settings", open=False), gr.Row():
        steps = gr.Number(0, label="Steps", info="0: the recipe's.", precision=0, minimum=0, elem_id="rs-steps")
        batch = gr.Number(
            0, label="Videos a step", info="0: the recipe's, or all there are.", precision=0, minimum=0,
            elem_id="rs-batch",
        )  # fmt: skip
        nothing = gr.Checkbox(
            False, label="Begin from nothing", info="Else collection begins with the encoder that comes with reelseek.",
            elem_id="rs-from-nothing",
        )  # fmt: skip
    with gr.Row(elem_classes="rs-form"):
        start = gr.Button("Start", variant="primary", interactive=bool(roots), min_width=130, elem_id="rs-train")
        stop = gr.Button("Stop", variant="stop", visible=False, min_width=130, elem_id="rs-stop-training")
    working, adopting = gr.HTML(elem_id="rs-training"), gr.HTML(elem_id="rs-adopting")
    with gr.Row(visible=False) as curves:
        loss = gr.LinePlot(x="step", y="loss", title="Loss, smoothed", height=240, min_width=280, elem_id="rs-loss")
        recall = gr.LinePlot(
            x="step", y="R@1, %", y_lim=[0, 100], title="Half a video finds the other half", height=240,
            min_width=280, elem_id="rs-half-recall",
        )  # fmt: skip
    listed = gr.HTML(js_on_load=fragments.ON_ACT, elem_id="rs-runs")
    chosen, timer = gr.State(None), gr.Timer(_EVERY_S, active=False)

    def look(name: str | None) -> tuple[Any, ...]:
        """Show the run that goes on, else the chosen one, else the newest; and all others."""
        states, adoption = site.trainings.states(), site.indexing.state()
        state = _shown(states, name)
        adopted = adoption.running or isinstance(adoption.result, AdoptionReport)
        running = any(each.running for each in states)
        return (
            told(state) or first_steps(),
            outcome(adoption) if adopted else "",
            runs(site, states),
            *_curves(site, state),
            gr.Timer(active=running or adoption.running),
            gr.Button(interactive=bool(roots) and not running),
            gr.Button(visible=running),
        )

    def act(event: gr.EventData, name: str | None) -> str | None:
        """Do what a button in our HTML asks for; a browser may send anything."""
        what = str(event.what)
        match event.do:
            case "show":
                return site.trainings.state(what).name
            case "resume":
                site.trainings.resume(what)
                return what
            case "adopt":
                start_adoption(site, _encoder(site.trainings.state(what)))
            case "delete":
                site.trainings.delete(what)
                return None
        return name

    looking: dict[str, Any] = {
        "inputs": chosen, "outputs": [working, adopting, listed, curves, loss, recall, timer, start, stop],
        "show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private",
    }  # fmt: skip
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on([page.load, tab.select, timer.tick], look, **looking)
    begun = start.click(
        in_sentences(lambda *values: start_training(site, *values)),
        [folders, recipe, steps, batch, nothing],
        chosen,
        **quiet,
    )
    begun.success(look, **looking)
    listed.click(in_sentences(act), chosen, chosen, **quiet).success(look, **looking)
    stop.click(lambda: site.trainings.stop(), None, None, **quiet).then(look, **looking)


def start_training(
    site: Site, folders: list[str] | None, recipe: str, steps: float | None, batch: float | None, from_nothing: bool
) -> str:
    """Start a run on all videos in some folders, and return its name.

    Raises:
        TrainingRunError: no folder is chosen, the settings are none, or a run goes on.
        FolderError: one is none that visitors may use.
        NoVideosError: there are no videos in them.
    """
    if not folders:
        raise TrainingRunError("Choose a folder of videos first.")
    known: RecipeName | None = next((name for name in get_args(RecipeName) if name == recipe), None)
    if known is None:
        raise TrainingRunError("There is no such recipe.")
    steps, batch = steps or 0, batch or 0  # an empty field
    if not 0 <= steps < 1e7 or not (batch == 0 or 2 <= batch < 1e5):
        raise TrainingRunError("Steps are a number above 0, videos a step one above 1; 0 stands for the recipe's.")
    paths = [site.folders.resolve(folder) for folder in folders]
    files = [str(file) for file in find([Path(path) for path in paths], None, None, lambda _: None)]
    batch_size = int(batch) or _fitting_batch(known, len(files))
    begins_with = None if from_nothing else _beginning(known)
    return site.trainings.start(
        TrainingRequest(known, paths, files, int(steps) or None, batch_size, begins_with=begins_with)
    )


def _fitting_batch(recipe: RecipeName, videos: int) -> int | None:
    """None for the recipe's own, unless there are fewer videos."""
    from training.recipes import recipe_named

    return max(2, videos) if videos < recipe_named(recipe).schedule.batch else None


def _beginning(recipe: RecipeName) -> str | None:
    from training.recipes import beginning_of

    return beginning_of(recipe)


def _shown(states: list[TrainingState], name: str | None) -> TrainingState | None:
    running = [state for state in states if state.running]
    return next(iter([*running, *(state for state in states if state.name == name), *states]), None)


def _curves(site: Site, state: TrainingState | None) -> tuple[Any, Any, Any]:
    rows = site.trainings.metrics(state.name) if state else []
    return gr.Row(visible=bool(rows)), loss_curve(rows), recall_curve(rows)


def _encoder(state: TrainingState) -> KnownEncoder:
    fingerprint = fingerprint_of(state.encoder) if state.encoder else None
    if state.encoder is None or fingerprint is None:
        raise TrainingRunError(f"Run {state.name} has no encoder yet.")
    return KnownEncoder(state.name, state.encoder, fingerprint)
