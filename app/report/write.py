"""Write a report to a folder."""

import json
from pathlib import Path

from app.report import recognition_document, recognition_markdown, recognition_page
from app.report.document import to_csv, to_document
from app.report.evaluation import Evaluation
from app.report.markdown import to_markdown
from app.report.page import to_html
from app.report.pictures import Thumbnails
from app.report.plots import recall_png
from app.report.recognition import Recognition
from encoder.whole import write_whole


def write_report(evaluation: Evaluation, thumbnails: Thumbnails, folder: Path) -> Path:
    """Write the report in every form, each file whole or not at all, to a folder made if missing.

    Returns:
        The path of report.html; beside it lie report.md with recall.png, report.json and queries.csv.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps(to_document(evaluation), indent=2, ensure_ascii=False)
    write_whole(folder / "recall.png", recall_png(evaluation))
    write_whole(folder / "report.json", document.encode(errors="backslashreplace"))
    write_whole(folder / "queries.csv", to_csv(evaluation).encode())
    write_whole(folder / "report.md", to_markdown(evaluation).encode(errors="backslashreplace"))
    write_whole(folder / "report.html", to_html(evaluation, thumbnails).encode(errors="backslashreplace"))
    return folder / "report.html"


def write_recognition(recognition: Recognition, folder: Path) -> Path:
    """The same of recognition: report.html, and beside it report.md, report.json and videos.csv."""
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps(recognition_document.to_document(recognition), indent=2, ensure_ascii=False)
    write_whole(folder / "report.json", document.encode(errors="backslashreplace"))
    write_whole(folder / "videos.csv", recognition_document.to_csv(recognition).encode())
    markdown = recognition_markdown.to_markdown(recognition)
    write_whole(folder / "report.md", markdown.encode(errors="backslashreplace"))
    write_whole(folder / "report.html", recognition_page.to_html(recognition).encode(errors="backslashreplace"))
    return folder / "report.html"
