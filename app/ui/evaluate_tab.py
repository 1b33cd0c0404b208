"""The Evaluate tab: how well the library's encoder retrieves labelled videos, trivial baselines beside it."""

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from app.evaluate import evaluate
from app.manifest import Manifest, ManifestError, read_manifest
from app.report.evaluation import Evaluation
from app.report.verdict import verdict
from app.text import file_name, shown
from app.ui import fragments
from app.ui.folders import AllowedFolders, FolderError
from app.ui.job import Job, JobState
from app.ui.site import Site, in_sentences
from encoder.decoding import DecodePool

_EVERY_S = 0.7


def build_evaluate_tab(site: Site, tab: gr.Tab, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    with gr.Row():
        with gr.Column(scale=3, min_width=280):
            chosen = gr.Dropdown(
                label="Manifest on the server", info="A CSV with the header path,label[,group][,split].",
                allow_custom_value=True, elem_id="rs-manifest",
            )  # fmt: skip
            run = gr.Button("Evaluate", variant="primary", elem_id="rs-evaluate")
        uploaded = gr.File(
            label="… or upload one", file_types=[".csv"], height=160, scale=2, min_width=260, elem_id="rs-csv"
        )
    working, found = gr.HTML(), gr.HTML(first_steps())
    with gr.Group(visible=False) as chart:
        plot = gr.Plot(show_label=False, container=False, elem_id="rs-recall")

    async def watch() -> AsyncIterator[tuple[Any, ...]]:
        """Show the job that runs, whoever started it, then what it found."""
        while (state := site.evaluating.state()).running:
            yield fragments.progress(state), gr.skip(), gr.skip(), gr.skip(), _button(False)
            await asyncio.sleep(_EVERY_S)
        yield fragments.progress(state), *await asyncio.to_thread(_found, state), _button(True)

    wiring: dict[str, Any] = {
        "outputs": [working, found, chart, plot, run], "show_progress": "hidden", "concurrency_limit": None,
        "api_visibility": "private",
    }  # fmt: skip
    gr.on([page.load, tab.select], watch, **wiring)
    tab.select(lambda: gr.update(choices=[shown(path) for path in site.folders.manifests()]), None, chosen,
               show_progress="hidden", api_visibility="private")  # fmt: skip
    started = run.click(
        in_sentences(lambda *values: start_evaluating(site, *values)), [chosen, uploaded], None,
        api_visibility="private",
    )  # fmt: skip
    started.success(watch, **wiring)


def start_evaluating(site: Site, chosen: str | None, uploaded: str | None) -> None:
    """Evaluate a manifest in the background; an uploaded one goes before a chosen one.

    Raises:
        ManifestError: it is no manifest, or lists videos that visitors may not use.
        FolderError: it is none that visitors may use.
        JobError: another is being evaluated.
    """
    if not uploaded and not chosen:
        raise ManifestError("Choose or upload a manifest first.")
    manifest = allowed_manifest(site.folders, Path(uploaded) if uploaded else Path(site.folders.resolve(chosen or "")))
    command = shlex.join(["reelseek", "evaluate", str(manifest.path)])

    def work(job: Job) -> Evaluation:
        count = site.settings.workers or os.cpu_count() or 1
        with DecodePool(count, site.settings.stall_s) as pool:
            return evaluate(
                manifest, site.library.checkpoint, pool, command,
                lambda done, total: job.tell(done / total, f"{done} of {total} passes over the videos"),
            )  # fmt: skip

    site.evaluating.start(f"Evaluating {file_name(manifest.path)}", work)


def allowed_manifest(folders: AllowedFolders, path: Path) -> Manifest:
    """Read a manifest all of whose videos visitors may use.

    Raises:
        ManifestError: it is no manifest; the server's temporary folder is not named.
        FolderError: it lists a video outside the allowed folders.
    """
    try:
        manifest = read_manifest(path)
    except ManifestError as error:
        raise ManifestError(str(error).replace(str(path), path.name)) from error
    outside = next((row.path for row in manifest.rows if not folders.holds(row.path)), None)
    if outside is not None:
        allowed = ", ".join(folders.roots) or "none"
        raise FolderError(
            f"{path.name} lists {file_name(outside)} outside the folders this server allows ({allowed}); "
            "in an uploaded manifest, write absolute paths."
        )
    return manifest


def first_steps() -> str:
    """What a visitor sees before the first evaluation."""
    return fragments.steps(
        "How good is the encoder on your videos?",
        [
            "List some videos in a CSV with the header path,label: same label, same action.",
            "Choose it above, or upload it, and press Evaluate.",
            "Each video searches the others. You see how often one with the same label comes first, next to four "
            "trivial baselines and chance, so that the number is never read alone.",
        ],
    )


def findings(evaluation: Evaluation) -> str:
    """The verdict and the R@k table as HTML."""
    report = evaluation.judged.report
    rows = [
        [row.name, *(f"{100 * value:.1f} %" for value in row.report.recall.values()), f"{100 * row.report.map:.1f} %"]
        for row in evaluation.rows
    ]
    chance = [f"{100 * value:.1f} %" for value in report.chance_recall.values()]
    rows.append(["chance", *chance, f"{100 * report.chance_map:.1f} %"])
    caption = f"{evaluation.manifest}: {evaluation.clips} videos of {evaluation.classes} classes"
    return (
        f'<section class="rs-verdict"><h3>Verdict</h3>{fragments.note(verdict(evaluation))}</section>'
        + fragments.table(caption, ["", *(f"R@{k}" for k in report.recall), "mAP"], rows, numbers=True)
        + f'<p class="rs-hint">{escape(evaluation.protocol)} R@k: the share of queries with a video of the '
        f"same label among the first k. Encoder {escape(evaluation.encoder)}, {evaluation.seconds:.0f} s.</p>"
        + fragments.failures("Could not be read", [(one.path, one.reason) for one in evaluation.failed])
    )


def _found(state: JobState) -> tuple[Any, Any, Any]:
    evaluation = state.result
    if not isinstance(evaluation, Evaluation):
        return (first_steps() if not state.title else gr.skip()), gr.update(visible=False), None
    from app.report.plots import draw_recall  # it takes long to load, and the page needs it for this only

    return findings(evaluation), gr.update(visible=True), draw_recall(evaluation)


def _button(active: bool) -> Any:
    return gr.update(interactive=active, value="Evaluate" if active else "Working …")
