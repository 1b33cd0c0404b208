"""The Library tab: add a folder, see it being indexed, and what the library holds."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import gradio as gr

from app.progress import clock
from app.service import status
from app.text import file_name, shown
from app.ui import fragments
from app.ui.job import Job, JobState
from app.ui.site import Site, in_sentences
from indexer.update import Progress, UpdateReport

_EVERY_S = 0.7


def build_library_tab(site: Site, tab: gr.Tab, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    roots = site.folders.roots
    with gr.Row(equal_height=True):
        folder = gr.Dropdown(
            [shown(root) for root in roots], value=shown(roots[0]) if roots else None, label="Folder of videos",
            info="One of the folders this server allows, or one inside it." if roots else _NO_FOLDERS,
            allow_custom_value=True, interactive=bool(roots), scale=5, min_width=260, elem_id="rs-folder",
        )  # fmt: skip
        add = gr.Button("Add", variant="primary", interactive=bool(roots), scale=1, min_width=120, elem_id="rs-add")
    working, facts, problems = gr.HTML(), gr.HTML(), gr.HTML()

    async def watch() -> AsyncIterator[tuple[Any, ...]]:
        """Show the job that runs, whoever started it, until it is done."""
        if site.indexing.state().running:
            yield fragments.progress(site.indexing.state()), *await asyncio.to_thread(overview, site), _button(False)
        while (state := site.indexing.state()).running:
            yield fragments.progress(state), gr.skip(), gr.skip(), _button(False)
            await asyncio.sleep(_EVERY_S)
        yield outcome(state), *await asyncio.to_thread(overview, site), _button(bool(roots))

    wiring: dict[str, Any] = {
        "outputs": [working, facts, problems, add], "show_progress": "hidden", "concurrency_limit": None,
        "api_visibility": "private",
    }  # fmt: skip
    gr.on([page.load, tab.select], watch, **wiring)

    def begin(text: str | None) -> None:
        start_indexing(site, text)

    started = add.click(in_sentences(begin), folder, None, api_visibility="private")
    started.success(watch, **wiring)


_NO_FOLDERS = "This server allows none; start it with: reelseek serve --folder FOLDER"


def start_indexing(site: Site, text: str | None) -> str:
    """Index a folder in the background, and return the job's id.

    Raises:
        FolderError: it is none that visitors may use.
        JobError: another is being indexed.
    """
    path = site.folders.resolve(text or "")

    def work(job: Job) -> UpdateReport:
        job.tell(0.0, "Looking for videos")
        settings = site.settings
        return site.library.add([path], settings.workers, lambda done: _tell(job, done), settings.stall_s)

    return site.indexing.start(f"Indexing {file_name(path)}", work)


def outcome(state: JobState) -> str:
    """What the last indexing run did, in a sentence."""
    report = state.result
    if not isinstance(report, UpdateReport):
        return fragments.progress(state)
    counts = {
        "new": report.indexed, "unchanged": report.unchanged, "moved": report.moved, "copies": report.copies,
        "gone": report.removed, "unreadable": len(report.failed),
    }  # fmt: skip
    told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no videos found"
    kept = "".join(
        fragments.note(f"{shown(root)} holds no video now; what the library has from there was kept, in case its "
                       "disk is not mounted.")
        for root in report.kept
    )  # fmt: skip
    return fragments.note(f"{state.title} is done: {told}. It took {clock(state.seconds)}.", "good") + kept


def overview(site: Site) -> tuple[str, str]:
    """Totals, and what could not be read or only in part."""
    result = status(site.library)
    if not result["files"] and not result["failed"]:
        return fragments.steps(
            "Nothing is in the library yet",
            [
                "Choose a folder of videos above.",
                "Press Add. Folders inside it are searched too; your files are only read.",
                "Search as soon as the first videos are in. Adding it again later takes in what is new.",
            ],
        ), ""
    encoder = result["encoder"]
    facts = fragments.tiles(
        [
            ("videos", f"{result['videos']:,}"),
            ("files", f"{result['files']:,}"),
            ("searchable clips", f"{result['clips']:,}"),
            ("of video", _hours(result["video_seconds"])),
            ("on disk", f"{result['bytes'] / 1e6:,.1f} MB"),
        ]
    )
    facts += fragments.note(
        f"Encoder {encoder['name']} ({encoder['fingerprint']}): clips of {encoder['clip_s']:g} s, one every "
        f"{encoder['hop_s']:g} s. Index: {result['cache']}."
    )
    problems = fragments.failures("Could not be indexed", [(f["path"], f["reason"]) for f in result["failed"]])
    problems += fragments.failures(
        "Searchable, but damaged in places",
        [(d["path"], f"{d['packets']} damaged packets were passed over") for d in result["damaged"]],
    )
    return facts, problems


def _tell(job: Job, done: Progress) -> None:
    failure = (done.path, done.reason) if done.path is not None and done.reason is not None else None
    text = f"{done.files} of {done.of_files} files" + (f", last {file_name(done.path)}" if done.path else "")
    job.tell(done.bytes / max(1, done.of_bytes), text, failure)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{seconds / 60:.1f} min"


def _button(active: bool) -> Any:
    return gr.update(interactive=active, value="Add" if active else "Working …")
