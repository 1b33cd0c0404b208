"""The Library tab: folders in and out, the work that goes on, what the library holds and what is wrong with it."""

from typing import Any

import gradio as gr

from app.text import shown
from app.ui import fragments
from app.ui.duplicates_view import duplicates, shared
from app.ui.library_view import overview, problems
from app.ui.library_work import (
    SharedFootage,
    outcome,
    start_comparing,
    start_deleting,
    start_forgetting,
    start_indexing,
    start_rescan,
    start_retry,
    start_using_again,
)
from app.ui.map_view import WALK, MapView
from app.ui.site import Site, in_sentences

_EVERY_S, _REFRESH_S = 0.7, 10
_NO_FOLDERS = "This server allows none; start it with: reelseek serve --folder FOLDER"


def build_library_tab(site: Site, tab: gr.Tab, page: gr.Blocks) -> None:
    """Lay out the tab inside the Blocks that are open, and wire it."""
    roots = site.folders.roots
    with gr.Row(elem_classes="rs-form"):
        folder = gr.Dropdown(
            _folders(site), value=shown(roots[0]) if roots else None, label="Folder of videos",
            info="One of the folders this server allows, or one inside it." if roots else _NO_FOLDERS,
            allow_custom_value=True, interactive=bool(roots), scale=5, min_width=260, elem_id="rs-folder",
        )  # fmt: skip
        add = gr.Button("Add", variant="primary", interactive=bool(roots), scale=1, min_width=110, elem_id="rs-add")
        rescan = gr.Button("Rescan all", interactive=bool(roots), scale=1, min_width=130, elem_id="rs-rescan")
        stop = gr.Button("Stop", variant="stop", visible=False, scale=1, min_width=110, elem_id="rs-stop-indexing")
    working = gr.HTML(elem_id="rs-indexing")
    with gr.Tabs(elem_classes="rs-inner"):
        with gr.Tab("What it holds", id="holds"):
            held = gr.HTML(js_on_load=fragments.ON_ACT, elem_id="rs-holds")
        with gr.Tab("Problems", id="problems") as problems_tab:
            wrong = gr.HTML(js_on_load=fragments.ON_ACT, elem_id="rs-problems")
        with gr.Tab("Duplicates", id="duplicates") as duplicates_tab:
            same = gr.HTML(js_on_load=fragments.ON_ACT, elem_id="rs-duplicates")
        with gr.Tab("Map", id="map") as map_tab:
            drawn = gr.HTML("<p class='rs-hint'>Drawing the map …</p>", js_on_load=WALK, elem_id="rs-map")
    timer, maps = gr.Timer(_EVERY_S, active=False), MapView()

    def look() -> tuple[Any, ...]:
        """Show what the library holds, and the work that goes on, whoever started it."""
        state = site.indexing.state()
        found, count = problems(site)
        named = gr.Tab(f"Problems ({count:,})" if count else "Problems")
        told = fragments.progress(state) if state.running else outcome(state)
        copies = _duplicates(site) if isinstance(state.result, SharedFootage) else gr.skip()
        buttons = _buttons(state.running, bool(roots))
        return told, overview(site), found, named, copies, gr.Timer(active=state.running), *buttons

    def go_on() -> tuple[Any, ...]:
        """Show how far the work is, and now and then, and once it is done, what the library holds."""
        state = site.indexing.state()
        if state.running and int(state.seconds) % _REFRESH_S:
            return fragments.progress(state), *[gr.skip()] * 8
        return look()

    def act(event: gr.EventData) -> None:
        """Do what a button in our HTML asks for; a browser may send anything."""
        what = str(event.what)
        match event.do:
            case "rescan":
                start_indexing(site, what)
            case "forget":
                start_forgetting(site, what)
            case "retry":
                start_retry(site)
            case "compare":
                start_comparing(site)
            case "again":
                start_using_again(site, what)
            case "drop":
                start_deleting(site, what)

    looking: dict[str, Any] = {
        "outputs": [working, held, wrong, problems_tab, same, timer, add, rescan, stop], "show_progress": "hidden",
        "concurrency_limit": None, "api_visibility": "private",
    }  # fmt: skip
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on([page.load, tab.select, problems_tab.select], look, **looking)
    timer.tick(go_on, **looking)
    tab.select(lambda: gr.Dropdown(_folders(site)), None, folder, **quiet)
    duplicates_tab.select(in_sentences(lambda: _duplicates(site)), None, same, **quiet)
    map_tab.select(in_sentences(lambda: maps.html(site.library)), None, drawn, **quiet)
    for started in (
        add.click(in_sentences(lambda text: _begin(site, text)), folder, None, **quiet),
        rescan.click(in_sentences(lambda: _silent(start_rescan(site))), None, None, **quiet),
        held.click(in_sentences(act), None, None, **quiet),
        wrong.click(in_sentences(act), None, None, **quiet),
        same.click(in_sentences(act), None, None, **quiet),
    ):
        started.success(look, **looking)
    stop.click(lambda: site.indexing.stop(0), None, None, **quiet).then(look, **looking)


def _begin(site: Site, text: str | None) -> None:
    start_indexing(site, text)


def _silent(_: object) -> None:
    """Nothing is to be shown of it."""


def _duplicates(site: Site) -> str:
    found = [state.result for state in site.indexing.states() if isinstance(state.result, SharedFootage)]
    told = fragments.action("Look for shared footage", "compare")
    hint = "Edited copies and common parts too; it takes a while, and its result is shown here."
    line = f'<p class="rs-line">{told}<span class="rs-hint">{hint}</span></p>'
    return line + (shared(found[-1].groups) if found and found[-1].groups else "") + duplicates(site.library)


def _folders(site: Site) -> list[str]:
    return [shown(path) for path in site.folders.choices()]


def _buttons(running: bool, allowed: bool) -> tuple[Any, Any, Any]:
    ready = allowed and not running
    return (
        gr.Button(interactive=ready),
        gr.Button(interactive=ready),
        gr.Button(visible=running),
    )
