"""The direction of imports that DESIGN.md promises: app -> indexer -> encoder <- training."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("app", "indexer", "encoder", "training")
FILES = [path.relative_to(ROOT) for part in OURS for path in sorted((ROOT / part).rglob("*.py"))]
MAY_IMPORT = {
    "encoder": ["encoder"],
    "indexer": ["encoder", "indexer"],
    "training": ["encoder", "training", "indexer.evaluation"],
    "app": ["app", "encoder", "indexer"],
}
WRITES_VIDEO = {Path("app/cutting.py"), Path("app/media.py"), Path("training/collection.py")}  # with PyAV
READS_VIDEO = {Path(f"encoder/{name}.py") for name in ("container", "frames", "picture")}


def modules(node: ast.AST, file: Path) -> Iterator[str]:
    """Full names of what an import statement names: `from indexer import library` is indexer.library."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        package = ".".join(file.parent.parts[: len(file.parent.parts) - node.level + 1]) if node.level else ""
        module = ".".join(filter(None, [package, node.module]))
        yield from (f"{module}.{alias.name}" for alias in node.names)


def imports(tree: ast.AST, file: Path, in_function: bool = False) -> Iterator[tuple[str, bool]]:
    """Every (module, whether it is imported inside a function) of a file."""
    for node in ast.iter_child_nodes(tree):
        yield from ((name, in_function) for name in modules(node, file))
        inside = in_function or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from imports(node, file, inside)


def is_part(module: str, package: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def wrong_imports(source: str, file: Path) -> list[str]:
    """The imports that a file may not make."""
    allowed = MAY_IMPORT[file.parts[0]]
    return [
        name
        for name, in_function in imports(ast.parse(source), file)
        if any(is_part(name, part) for part in OURS)
        and not any(is_part(name, part) for part in allowed)
        and not (file.parts[0] == "app" and is_part(name, "training") and in_function)
    ]


def opens_video(source: str, file: Path) -> bool:
    """Whether a file can read video: by PyAV, or by OpenCV's VideoCapture."""
    tree = ast.parse(source)
    by_av = any(is_part(name, "av") for name, _ in imports(tree, file))
    by_cv2 = any(
        isinstance(node, ast.Attribute | ast.Name | ast.alias)
        and (getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)) == "VideoCapture"
        for node in ast.walk(tree)
    )
    return by_av or by_cv2


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_file_imports_only_what_lies_below_it(file):
    assert wrong_imports((ROOT / file).read_text(), file) == []


@pytest.mark.parametrize("file", FILES, ids=str)
def test_only_these_files_of_the_encoder_read_video(file):
    if file not in WRITES_VIDEO:
        assert opens_video((ROOT / file).read_text(), file) == (file in READS_VIDEO)


@pytest.mark.parametrize(
    ("file", "source", "wrong"),
    [
        ("encoder/a.py", "import indexer", ["indexer"]),
        ("encoder/a.py", "def f():\n    from training.losses import info_nce", ["training.losses.info_nce"]),
        ("encoder/a.py", "from encoder.clips import Span\nimport numpy", []),
        ("indexer/a.py", "from app import cli", ["app.cli"]),
        ("indexer/a.py", "from encoder import clips\nfrom . import b\nfrom .b import c", []),
        ("indexer/deep/a.py", "from ..b import c\nfrom ...training import d", ["training.d"]),
        ("training/a.py", "from indexer.evaluation import evaluate", []),
        ("training/a.py", "from indexer import evaluation, library", ["indexer.library"]),
        ("app/a.py", "from training import instance", ["training.instance"]),
        ("app/a.py", "if True:\n    import training", ["training"]),
        ("app/a.py", "def f():\n    from training import instance", []),
        ("app/a.py", "import application\nfrom indexer_tools import x", []),
    ],
)
def test_the_guard_tells_wrong_imports_from_right_ones(file, source, wrong):
    assert wrong_imports(source, Path(file)) == wrong


@pytest.mark.parametrize(
    ("source", "opens"),
    [
        ("import av", True),
        ("def f():\n    from av.container import InputContainer", True),
        ("import cv2\ncv2.VideoCapture('a')", True),
        ("from cv2 import VideoCapture", True),
        ("import cv2\ncv2.resize(a)", False),
        ("import average", False),
    ],
)
def test_the_guard_sees_how_video_is_opened(source, opens):
    assert opens_video(source, Path("indexer/a.py")) == opens


def test_no_source_file_names_a_place_on_somebodys_machine():
    place = re.compile(r"""["'](/(home|Users|root|work|mnt)/|[A-Za-z]:\\\\Users)""")
    folders = (*OURS, "tests", "benchmarks")
    named = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if place.search(line)
    ]
    assert named == []
