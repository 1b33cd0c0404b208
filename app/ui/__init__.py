"""The Gradio page: search, library, evaluate."""
