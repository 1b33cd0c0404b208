"""The Evaluate tab: how well encoders retrieve labelled videos, trivial baselines beside them, as a report."""

import os
import shlex
from pathlib import Path
from typing import Any

import gradio as gr

from app.encoders import KnownEncoder, known_encoders
from app.evaluate import evaluate
from app.manifest import Manifest, ManifestError, read_manifest
from app.report.pictures import thumbnails
from app.text import file_name, shown
from app.ui import fragments
from app.ui.folders import AllowedFolders, FolderError
from app.ui.job import Job
from app.ui.report_view import FIT_FRAME, choices, framed
from app.ui.site import Site, in_sentences
from encoder.checkpoint import CheckpointError
from encoder.decoding import DecodePool

_EVERY_S = 0.7
_MOST = 4  # encoders at once


def build_evaluate_tab(site: Site, tab: gr.Tab, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    with gr.Row():
        with gr.Column(scale=3, min_width=280):
            chosen = gr.Dropdown(
                label="Manifest on the server", info="A CSV with the header path,label[,group][,split].",
                allow_custom_value=True, elem_id="rs-manifest",
            )  # fmt: skip
            encoders = gr.Dropdown(
                _encoder_choices(site), value=[], multiselect=True, max_choices=_MOST, label="Encoders",
                info="The first is judged, further ones are compared with it. None chosen: the library's own.",
                elem_id="rs-encoders",
            )  # fmt: skip
        uploaded = gr.File(
            label="… or upload one", file_types=[".csv"], height=188, scale=2, min_width=260, elem_id="rs-csv"
        )
    with gr.Row(elem_classes="rs-form"):
        run = gr.Button("Evaluate", variant="primary", min_width=130, elem_id="rs-evaluate")
        stop = gr.Button("Stop", variant="stop", visible=False, min_width=130, elem_id="rs-stop-evaluating")
    working = gr.HTML(elem_id="rs-evaluating")
    reports = gr.Dropdown(label="Report", visible=False, filterable=False, elem_id="rs-reports")
    found = gr.HTML(first_steps(), js_on_load=FIT_FRAME, elem_id="rs-report")
    timer = gr.Timer(_EVERY_S, active=False)

    def look() -> tuple[Any, ...]:
        """Show the job that runs, whoever started it, and the newest report."""
        state, listed = site.evaluating.state(), site.reports.listed()
        newest = listed[0].id if listed else None
        return (
            fragments.progress(state),
            gr.Dropdown(choices(listed), value=newest, visible=bool(listed)),
            framed(newest) if newest else first_steps(),
            gr.Timer(active=state.running),
            *_buttons(state.running),
        )

    def go_on() -> tuple[Any, ...]:
        """Show how far the job is; once it is done, its report."""
        state = site.evaluating.state()
        return (fragments.progress(state), *[gr.skip()] * 3, *_buttons(True)) if state.running else look()

    def show(report_id: str | None) -> str:
        """A report that was chosen; a browser may send anything."""
        return framed(report_id) if report_id and site.reports.file(report_id, "report.html") else first_steps()

    looking: dict[str, Any] = {
        "outputs": [working, reports, found, timer, run, stop], "show_progress": "hidden", "concurrency_limit": None,
        "api_visibility": "private",
    }  # fmt: skip
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    page.load(look, **looking)
    timer.tick(go_on, **looking)
    tab.select(lambda: _offered(site), None, [chosen, encoders, timer], **quiet)
    reports.input(show, reports, found, **quiet)
    started = run.click(
        in_sentences(lambda *values: start_evaluating(site, *values)), [chosen, uploaded, encoders], None, **quiet
    )
    started.success(look, **looking)
    stop.click(lambda: site.evaluating.stop(0), None, None, **quiet).then(go_on, **looking)


def start_evaluating(
    site: Site, chosen: str | None, uploaded: str | None, fingerprints: list[str] | None = None
) -> None:
    """Evaluate a manifest in the background; an uploaded one goes before a chosen one.

    Args:
        site: where.
        chosen: a manifest on the server.
        uploaded: the file of one that was uploaded.
        fingerprints: of the encoders, the judged one first; none for the library's own.

    Raises:
        ManifestError: it is no manifest, or lists videos that visitors may not use.
        FolderError: it is none that visitors may use.
        CheckpointError: there is no such encoder.
        JobError: another is being evaluated.
    """
    if not uploaded and not chosen:
        raise ManifestError("Choose or upload a manifest first.")
    manifest = allowed_manifest(site.folders, Path(uploaded) if uploaded else Path(site.folders.resolve(chosen or "")))
    encoders = _chosen_encoders(site, fingerprints or [site.library.checkpoint.fingerprint])
    named = [part for encoder in encoders for part in ("--encoder", str(encoder.source))]
    command = shlex.join(["reelseek", "evaluate", str(manifest.path), *named])
    judged, *others = [encoder.load() for encoder in encoders]

    def work(job: Job) -> str:
        count = site.settings.workers or os.cpu_count() or 1
        with DecodePool(count, site.settings.stall_s) as pool:
            evaluation = evaluate(
                manifest, judged, pool, command,
                lambda done, total: job.tell(done / total, f"{done} of {total} passes over the videos"), others=others,
            )  # fmt: skip
            job.tell(1.0, "Writing the report")
            report_id: str = site.reports.add(evaluation, thumbnails(evaluation, pool))
        return report_id

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


def _chosen_encoders(site: Site, fingerprints: list[str]) -> list[KnownEncoder]:
    known = {encoder.fingerprint: encoder for encoder in known_encoders(site.library, site.trainings.states())}
    if any(fingerprint not in known for fingerprint in fingerprints):
        raise CheckpointError("One of the encoders is no longer there; choose again.")
    return [known[fingerprint] for fingerprint in dict.fromkeys(fingerprints)][:_MOST]


def _encoder_choices(site: Site) -> list[tuple[str, str]]:
    own = site.library.checkpoint.fingerprint
    return [
        (f"{encoder.name}, in use" if encoder.fingerprint == own else encoder.name, encoder.fingerprint)
        for encoder in known_encoders(site.library, site.trainings.states())
    ]


def _offered(site: Site) -> tuple[Any, Any, Any]:
    """What can be chosen now; and if somebody evaluates, this page follows."""
    return (
        gr.Dropdown(choices=[shown(path) for path in site.folders.manifests()]),
        gr.Dropdown(choices=_encoder_choices(site)),
        gr.Timer(active=site.evaluating.state().running),
    )


def _buttons(running: bool) -> tuple[Any, Any]:
    return gr.Button(interactive=not running), gr.Button(visible=running)
