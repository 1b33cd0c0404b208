"""The Dockerfile and compose.yaml, as far as they can be checked where no engine runs."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from app.cli import app

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def instructions():
    """(name, arguments) of every instruction of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def service():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["reelseek"]


def of(instructions, name):
    return [arguments for kind, arguments in instructions if kind == name]


@pytest.mark.parametrize(
    "command",
    [["hadolint", "Dockerfile"], ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]],
)
def test_linters_have_nothing_to_say(command):
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_image_runs_as_nobody_and_tells_how_it_is(instructions):
    assert int(of(instructions, "USER")[-1]) > 1000
    assert "/health" in of(instructions, "HEALTHCHECK")[0]
    assert of(instructions, "VOLUME") == ["/library"]


def test_the_image_holds_every_package_of_the_project_and_what_is_copied_is_there(instructions):
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    sources = [source for line in of(instructions, "COPY") if "--from" not in line for source in line.split()[:-1]]
    assert {package.partition(".")[0] for package in packages} <= set(sources)
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in sources:
        assert (ROOT / source).exists()
        assert source in allowed


def test_the_torch_of_the_image_is_that_of_the_constraints(instructions):
    version = next(line for line in of(instructions, "ARG") if line.startswith("TORCH=")).partition("=")[2]
    assert f"torch=={version}" in (ROOT / "constraints.txt").read_text().splitlines()


def test_the_command_of_the_image_is_one_of_ours_and_asks_for_a_log_in(instructions):
    assert of(instructions, "ENTRYPOINT") == ['["reelseek"]']
    name, *arguments = re.findall(r'"([^"]+)"', of(instructions, "CMD")[0])
    command = typer.main.get_command(app).commands[name]
    chosen = command.make_context(name, arguments).params
    assert (chosen["host"], chosen["auth_file"], chosen["unprotected"]) == (
        "0.0.0.0",
        Path("/run/secrets/accounts"),
        False,
    )
    assert chosen["folders"] == [Path("/videos")]


def test_the_service_reads_videos_without_being_able_to_change_them_and_is_reached_from_here_only(service):
    videos = next(volume for volume in service["volumes"] if isinstance(volume, dict))
    assert (videos["target"], videos["read_only"]) == ("/videos", True)
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
