"""The parts of the Search tab and where they stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.ui.answer import ORDERS
from app.ui.assets import asset
from app.ui.chooser import Chooser, build_chooser
from app.ui.filtering import LibraryFolders, build_filters
from app.ui.player import build_player
from app.ui.saved import build_saved
from app.ui.site import Site
from app.ui.trim import build_trimmer

_MODES = [  # and what they are for: `indexer.requests.Mode`
    ("the same scene", "similar"), ("the same footage", "copy"), ("the same movement", "motion"),
    ("the same look", "look"),
]  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """The components, and what is remembered of each visitor."""

    chooser: Chooser
    asked: gr.Column  # shown once there is a clip
    points: gr.HTML
    again: gr.Button
    find: gr.Button
    mode: gr.Dropdown
    filters: Sequence[gr.Dropdown]
    order: gr.Dropdown
    refine: gr.Group  # shown once a result is marked
    marked: gr.HTML  # how many are, in a sentence
    refined: gr.Button
    cleared: gr.Button
    results: gr.HTML
    saved: gr.HTML
    clip: gr.State
    marks: gr.State
    answer: gr.State

    @property
    def taken(self) -> list[Any]:
        """What changes with a clip."""
        return [self.clip, self.points, self.chooser.place, self.asked, self.chooser.about, self.marks, self.refine]

    @property
    def wish(self) -> list[Any]:
        """What a search goes by."""
        return [self.clip, self.points, self.marks, self.mode, *self.filters]

    @property
    def found(self) -> list[Any]:
        """What changes with an answer."""
        return [self.answer, self.results, self.order]


def lay_out(site: Site, folders: LibraryFolders, page: gr.Blocks) -> Parts:
    """Put all parts into the Blocks that are open."""
    clip, marks, answer = gr.State(), gr.State({}), gr.State()
    with gr.Row(elem_classes="rs-split"):
        with gr.Column(scale=2, min_width=300) as left:
            chooser = build_chooser(site, page)
            with gr.Column(visible=False) as asked:
                points = build_trimmer()
                with gr.Row():
                    again = gr.Button("Other clip", min_width=100, elem_id="rs-again")
                    find = gr.Button("Search", variant="primary", min_width=100, elem_id="rs-search")
            mode = gr.Dropdown(_MODES, value=_MODES[0][1], label="Find", elem_id="rs-mode")
            filters = build_filters(site, folders, page)
        with gr.Column(scale=5, min_width=320):
            order = gr.Dropdown(
                list(ORDERS), value=next(iter(ORDERS)), label="Order", filterable=False, container=False, visible=False,
                elem_id="rs-order",
            )  # fmt: skip
            with gr.Row(visible=False, elem_id="rs-refine", equal_height=True) as refine:
                marked = gr.HTML(apply_default_css=False)
                refined = gr.Button("Search with these", variant="primary", size="sm", scale=0, min_width=150)
                cleared = gr.Button("Forget them", size="sm", scale=0, min_width=110)
            results = gr.HTML(js_on_load=asset("results.js"), apply_default_css=False, elem_id="rs-results")
        with left:
            saved = build_saved(site, page, results.save)
    build_player()
    return Parts(
        chooser, asked, points, again, find, mode, filters, order, refine, marked, refined, cleared, results, saved,
        clip, marks, answer,
    )  # fmt: skip
