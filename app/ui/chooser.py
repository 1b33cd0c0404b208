"""Where a visitor's clip comes from: an upload or recording, the library, or a file of the server."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.text import shown
from app.ui import picker
from app.ui.site import Site


@dataclass(frozen=True)
class Chooser:
    """The components that give a clip."""

    place: gr.Column  # around all of them
    upload: gr.Video
    videos: gr.HTML  # of the library
    path: gr.Textbox
    open: gr.Button
    about: gr.HTML  # what went wrong


def build_chooser(site: Site, page: gr.Blocks) -> Chooser:
    """Lay it out inside the Blocks that are open."""
    private: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    with gr.Column() as place:
        with gr.Tabs():
            with gr.Tab("Upload"):
                upload = gr.Video(
                    label="Your clip", sources=["upload", "webcam"], include_audio=True, height=300, elem_id="rs-clip"
                )
            with gr.Tab("Pick") as tab:
                name = gr.Textbox(label="Part of the name", placeholder="all videos, newest first", elem_id="rs-name")
                videos = gr.HTML(js_on_load=picker.ON_CLICK, apply_default_css=False, elem_id="rs-picker")
            with gr.Tab("Path", visible=bool(site.folders.roots)):
                path = gr.Textbox(
                    label="Path of a video", info=f"In {', '.join(map(shown, site.folders.roots))}", elem_id="rs-path"
                )
                opened = gr.Button("Open", elem_id="rs-open")
        about = gr.HTML()
    gr.on([page.load, tab.select, name.input], lambda text: picker.picker(site.library.catalog, text or ""),
          name, videos, trigger_mode="always_last", **private)  # fmt: skip
    return Chooser(place, upload, videos, path, opened, about)
