"""The page: four tabs over one library."""

import gradio as gr

from app.ui.evaluate_tab import build_evaluate_tab
from app.ui.library_tab import build_library_tab
from app.ui.search_tab import build_search_tab
from app.ui.site import Site
from app.ui.theme import HEADER
from app.ui.train_tab import build_train_tab

_SWEEP_S, _KEEP_S = 3600, 7200  # uploads are looked through this often, and deleted at this age


def build_page(site: Site) -> gr.Blocks:
    """Lay out the page and wire it to the library."""
    with gr.Blocks(title="reelseek", analytics_enabled=False, delete_cache=(_SWEEP_S, _KEEP_S)) as page:
        gr.HTML(HEADER)
        with gr.Tabs():
            with gr.Tab("Search", id="search"):
                build_search_tab(site, page)
            with gr.Tab("Library", id="library") as library_tab:
                build_library_tab(site, library_tab, page)
            with gr.Tab("Evaluate", id="evaluate") as evaluate_tab:
                build_evaluate_tab(site, evaluate_tab, page)
            with gr.Tab("Train", id="train") as train_tab:
                build_train_tab(site, train_tab, page)
    return page
