"""Markdown that names and labels can't break."""

from collections.abc import Sequence


def cell(text: str) -> str:
    """One line that breaks no table, no code and no HTML."""
    plain = " ".join(text.split()).replace("`", "'")
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: text in the first column, numbers in the others."""
    rule = ["---"] + ["---:"] * (len(header) - 1)
    lines = [map(cell, header), rule, *(map(cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
