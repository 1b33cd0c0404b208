"""The scripts and styles of our own HTML, as they lie in the folder `web`."""

from importlib.resources import files


def asset(name: str) -> str:
    """The text of a file of that folder."""
    return (files("app.ui") / "web" / name).read_text("utf-8")
