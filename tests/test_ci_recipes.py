"""The workflow files of docs/ci say what docs/ci.md and the command line say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from gatebench.cli.main import app
from tests.ci_recipes import FILES, FOLDER, read, steps

PAGE = FOLDER.parent / "ci.md"


@pytest.mark.parametrize("name", FILES)
def test_every_option_is_one_that_the_command_takes(name: str) -> None:
    """An option that is renamed turns this red before it breaks somebody's pipeline."""
    group = typer.main.get_command(app)
    called = []
    for step in steps(name):
        for words in (shlex.split(line) for line in step.script.replace("\\\n", " ").splitlines()):
            if words[:1] != ["bench"]:
                continue
            command = group.commands[words[1]]  # type: ignore[attr-defined]  # a group, which typer returns as a command
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words[2:] if word.startswith("--")} <= known
            called.append(words[1])
    assert called == ["check", "gate"]


@pytest.mark.parametrize("name", FILES)
def test_what_the_gate_writes_is_kept_whatever_came_of_it(name: str) -> None:
    """Its files lie in the folder that is uploaded, also when the gate is red."""
    script = "\n".join(step.script for step in steps(name))
    written = re.findall(r"--(?:out|junit|markdown) (\S+)", script)
    assert len(written) == 3
    assert all(path.startswith("gatebench/") for path in written)
    text = (FOLDER / name).read_text()
    if name.startswith("github"):
        (job,) = read(name)["jobs"].values()
        (kept,) = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
        assert kept["with"]["path"] == "gatebench/"
        assert kept["if"] == "always()"
    else:
        artifacts = read(name)["gatebench"]["artifacts"]
        assert artifacts["when"] == "always"
        assert "gatebench/" in artifacts["paths"]
        assert artifacts["reports"]["junit"] in written
    assert "GATEBENCH" in text


@pytest.mark.parametrize(("name", "place"), FILES.items())
def test_the_page_shows_the_files_as_they_are(name: str, place: str) -> None:
    """docs/ci.md repeats no file in other words: it links to it and says where it goes."""
    page = PAGE.read_text()
    assert f"(ci/{name})" in page
    assert f"`{place}`" in page


@pytest.mark.parametrize("name", FILES)
def test_no_text_of_a_stranger_reaches_the_shell(name: str) -> None:
    """A block of commands holds no expression that the service would put into it before the shell reads it."""
    assert [step.name for step in steps(name) if "${{" in step.script] == []


def test_each_file_is_a_recipe_here() -> None:
    """No file of docs/ci is left out by these tests."""
    assert {path.name for path in Path(FOLDER).iterdir()} == set(FILES)
