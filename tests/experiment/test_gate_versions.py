"""Two versions of one target: folders, images, addresses, and git refs that are checked out, built and taken away again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gatebench.errors import EnvironmentFailure, Interrupted, Problem
from gatebench.experiment import versions
from gatebench.experiment.checkout import commit_of
from gatebench.experiment.gate import prepare
from gatebench.experiment.gate_order import AskedGate, Wanted, order, read_wanted
from gatebench.experiment.gate_table import GateTable, read_table
from gatebench.experiment.sides import standing_sides
from gatebench.experiment.versions import Asked, Version, read_version

TARGET = """
description = "the user's own gateway"
capabilities = ["streaming"]
settings = {{ patience = "{patience}" }}
[build]
command = {command}
within = "{within}"
[[process]]
name = "gateway"
command = ["{{{{ python }}}}", "{{{{ folder }}}}/../../gateway.py", "{{{{ port }}}}"]
"""
BUILDS = "[\"{{ python }}\", \"-c\", \"open('built', 'w').write('{{ folder }}'); print('made')\"]"
SCENARIO = '''"""Short."""
from gatebench import Scenario, check, constant, phase
from gatebench.traffic import chat
scenario = Scenario(
    traffic=chat(), load=constant("{rate}/s"), phases=[phase("steady", "2s")], objective={{"response_ms": 500}},
    checks=[check("wrong_answer", at_most=0)],
)
'''


def git(folder: Path, *words: str) -> str:
    """Run git as nobody in particular."""
    names = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, env={**os.environ, **names}
    )
    return done.stdout.strip()


def write(workspace: Path, patience: str = "1s", command: str = BUILDS, within: str = "20s", rate: int = 50) -> None:
    """Write the workspace's target and scenario."""
    (workspace / "targets" / "mygw").mkdir(parents=True, exist_ok=True)
    (workspace / "scenarios").mkdir(exist_ok=True)
    text = TARGET.format(patience=patience, command=command, within=within)
    (workspace / "targets" / "mygw" / "target.toml").write_text(text)
    (workspace / "scenarios" / "short.py").write_text(SCENARIO.format(rate=rate))


def commit(repository: Path, branch: str | None = None) -> None:
    """Commit everything, on a new branch if one is named."""
    if branch:
        git(repository, "checkout", "-q", "-b", branch)
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "x")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace in a folder of a repository: `main`, and `head` in the working tree."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    repository = tmp_path / "repo"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    place = repository / "bench"
    write(place)
    (place / "pyproject.toml").write_text('[tool.gatebench.gate.tolerances]\np50 = "7%"\n')
    commit(repository)
    write(place, patience="2s", rate=70)
    (place / "pyproject.toml").write_text('[tool.gatebench.gate.tolerances]\np50 = "70%"\n')
    commit(repository, "head")
    return place


def ask(workspace: Path, problems: list[Problem], **changes: object) -> AskedGate | None:
    """Return the gate of short on mygw, main against the working tree."""
    facts: dict[str, object] = {
        "scenario": "short",
        "target": "mygw",
        "baseline_target": None,
        "base_version": "main",
        "head_version": None,
        "pairs": 4,
        "seed": 1,
        "settings": {},
        "base_settings": {},
        "fixed": False,
    }
    return read_wanted(Wanted(**{**facts, **changes}), GateTable(), workspace, problems)  # type: ignore[arg-type]


def left(workspace: Path) -> list[str]:
    """Return what a checkout has left behind."""
    trees = git(workspace, "worktree", "list", "--porcelain").count("worktree ")
    return [path.name for path in (workspace.parents[1] / "tmp").iterdir()] + ["a worktree"] * (trees - 1)


def test_a_ref_is_checked_out_built_and_taken_away(workspace: Path) -> None:
    """Base is planned from main's target, head from the working tree's; the build's output is in the log."""
    problems: list[Problem] = []
    asked = ask(workspace, problems)
    assert asked is not None
    with standing_sides(asked.base, asked.head, "short", workspace, problems) as sides:
        ready = prepare(order(asked, sides, []), workspace, problems)
        assert ready is not None, problems
        assert ready.plans["base"].target.settings == {"patience": "1s"}
        assert ready.plans["head"].target.settings == {"patience": "2s"}
        sides.build(workspace / "logs")
        root = sides.roots["base"]
        assert (root / "built").read_text() == str(root / "bench" / "targets" / "mygw")
        assert (workspace / "logs" / "build-base.log").read_text() == "made\n"
        assert not (workspace.parent / "built").exists()
    assert left(workspace) == []
    assert git(workspace, "branch", "--show-current") == "head"


def test_scenario_and_tolerances_are_those_of_the_base(workspace: Path) -> None:
    """A change that loosens its own rules is judged by those that held before."""
    problems: list[Problem] = []
    asked = ask(workspace, problems)
    assert asked is not None
    with standing_sides(asked.base, asked.head, "short", workspace, problems) as sides:
        ready = prepare(order(asked, sides, []), workspace, problems)
        assert ready is not None, problems
        assert [str(one) for one in ready.tolerances] == ["response_p50_ms=7%"]
        assert {plan.load.scheduled for plan in ready.plans.values()} == {100}  # 50/s for 2 s, not 70/s


def test_a_scenario_that_base_does_not_have_yet_is_taken_from_here_and_said(workspace: Path) -> None:
    """It is put to both."""
    (workspace / "scenarios" / "newer.py").write_text(SCENARIO.format(rate=20))
    problems: list[Problem] = []
    asked = ask(workspace, problems, scenario="newer")
    assert asked is not None
    with standing_sides(asked.base, asked.head, "newer", workspace, problems) as sides:
        ready = prepare(order(asked, sides, []), workspace, problems)
        assert ready is not None, problems
        assert "base does not have the scenario newer yet" in ready.notes[0]


@pytest.mark.parametrize("error", [Interrupted("signal 15"), KeyboardInterrupt(), RuntimeError("defect")])
def test_however_it_ends_nothing_is_left(workspace: Path, error: BaseException) -> None:
    """Ctrl-C, SIGTERM, a defect; and taking down is announced first, so that nothing cuts it short."""
    problems: list[Problem] = []
    asked = ask(workspace, problems, head_version="head")
    assert asked is not None
    calm: list[int] = []
    with (
        pytest.raises(type(error)),
        standing_sides(
            asked.base,
            asked.head,
            "short",
            workspace,
            problems,
            on_teardown=lambda: calm.append(len(left(workspace))),
        ),
    ):
        raise error
    assert calm == [4]  # two folders and two worktrees were still there
    assert left(workspace) == []


@pytest.mark.parametrize(
    ("command", "within", "words"),
    [
        ('["sh", "-c", "echo it is broken; exit 3"]', "20s", ("ended with exit code 3", "it is broken")),
        ('["sh", "-c", "echo begun; sleep 60"]', "3s", ("took longer than 3s", "begun")),
        ('["no-such-compiler"]', "20s", ("did not start: no-such-compiler",)),
    ],
    ids=["fails", "hangs", "is not there"],
)
def test_a_build_that_does_not_work_is_the_environments_failure(
    workspace: Path, command: str, within: str, words: tuple[str, ...]
) -> None:
    """With the last lines that it said; what hangs is ended."""
    git(workspace, "checkout", "-q", "main")
    write(workspace, command=command, within=within)
    commit(workspace)
    problems: list[Problem] = []
    asked = ask(workspace, problems)
    assert asked is not None
    with (
        standing_sides(asked.base, asked.head, "short", workspace, problems) as sides,
        pytest.raises(EnvironmentFailure) as raised,
    ):
        sides.build(workspace / "logs")
    said = "\n".join([raised.value.what, *raised.value.log_tail])
    assert all(word in said for word in words), said


def test_a_build_command_that_does_not_render_is_refused_before_anything_runs(workspace: Path) -> None:
    """With the names that it may use."""
    git(workspace, "checkout", "-q", "main")
    write(workspace, command='["make", "{{ nonsense }}"]')
    commit(workspace)
    problems: list[Problem] = []
    asked = ask(workspace, problems)
    assert asked is not None
    with standing_sides(asked.base, asked.head, "short", workspace, problems):
        assert "nonsense" in str(problems[0])
        assert "root, folder" in str(problems[0])


def test_a_ref_without_the_target_is_refused(workspace: Path) -> None:
    """It would otherwise silently be the shipped one, or the working tree's."""
    problems: list[Problem] = []
    asked = ask(workspace, problems, target="reference")
    assert asked is not None
    with standing_sides(asked.base, asked.head, "short", workspace, problems):
        assert "has no targets/reference/target.toml" in str(problems[0])


def test_a_ref_that_looks_like_an_option_is_no_option(workspace: Path) -> None:
    """Git never sees it as one."""
    problems: list[Problem] = []
    assert ask(workspace, problems, base_version="--output=x") is None
    assert "no ref of a git repository" in str(problems[0])
    assert not (workspace / "x").exists()


def test_a_hooks_variables_do_not_lead_git_elsewhere(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git sets GIT_DIR for hooks; the gate of a pre-push hook looks at its own repository all the same."""
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert commit_of(workspace, "main") is not None


def test_a_folder_is_a_version(tmp_path: Path) -> None:
    """A target folder by itself, or a folder of targets that has one of this name."""
    write(tmp_path / "other")
    for text in ("other/targets/mygw", "other/targets"):
        problems: list[Problem] = []
        found = read_version(Asked("base", "mygw", str(tmp_path / text)), tmp_path, problems)
        assert found is not None
        assert (found.kind, found.targets, found.target) == ("folder", tmp_path / "other" / "targets", "mygw")
    assert read_version(Asked("base", "mygw", str(tmp_path)), tmp_path, problems) is None
    assert "holds no target.toml" in str(problems[0])


def test_an_address_is_a_version(tmp_path: Path) -> None:
    """It stands for the target."""
    found = read_version(Asked("base", "mygw", "http://127.0.0.1:1"), tmp_path, [])
    assert found == Version("base", "http://127.0.0.1:1", "url")


def test_an_image_needs_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a daemon it is refused with the sentence; with one it is the target's setting `image`."""
    problems: list[Problem] = []
    monkeypatch.setattr(versions, "docker_answers", lambda: False)
    assert read_version(Asked("base", "mygw", "image:mygw:1"), tmp_path, problems) is None
    assert "an image needs Docker, and no Docker daemon answers here." in str(problems[0])
    monkeypatch.setattr(versions, "docker_answers", lambda: True)
    found = read_version(Asked("base", "mygw", "image:mygw:1"), tmp_path, problems)
    assert found is not None
    assert (found.settings, found.said) == ({"image": "mygw:1"}, "mygw:1")


def test_a_docker_that_only_has_a_client_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program is there, the daemon is not."""
    program = tmp_path / "docker"
    program.write_text(f"#!{sys.executable}\nraise SystemExit(1)\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not versions.docker_answers()


def test_settings_of_the_scenario_are_for_both_sides(workspace: Path) -> None:
    """--set of head's target is head's alone; --base-set takes no scenario's."""
    problems: list[Problem] = []
    settings = {"patience": "3s", "objective.response_ms": "250"}
    asked = ask(workspace, problems, base_version=None, settings=settings)
    assert asked is not None
    assert (dict(asked.head.settings), dict(asked.base.settings)) == ({"patience": "3s"}, {})
    assert asked.shared == {"objective.response_ms": "250"}
    ask(workspace, problems, base_settings={"objective.response_ms": "250"})
    assert "is a setting of the scenario, not of base" in str(problems[0])


def test_nothing_to_compare_with_is_refused(workspace: Path) -> None:
    """With every way to say it; and two ways at once are refused too."""
    problems: list[Problem] = []
    assert ask(workspace, problems, base_version=None) is None
    assert "--base-version with a folder" in str(problems[0])
    problems.clear()
    assert ask(workspace, problems, baseline_target="reference") is None
    assert "does not go with" in str(problems[0])


def test_the_table_is_read_with_every_problem(tmp_path: Path) -> None:
    """Unknown keys and wrong types are named; no file is no problem."""
    problems: list[Problem] = []
    assert read_table(tmp_path, problems) == GateTable()
    (tmp_path / "pyproject.toml").write_text(
        '[tool.gatebench.gate]\nscenario = "s"\nbaseline-target = "t"\npairs = "many"\ntolerence = {}\n'
    )
    read_table(tmp_path, problems)
    said = "\n".join(map(str, problems))
    assert "pairs" in said
    assert "tolerence" in said
    (tmp_path / "pyproject.toml").write_text('[tool.gatebench.gate]\ntolerances = {p95 = "5%", "p50@steady" = 0.3}\n')
    assert read_table(tmp_path, []).terms() == ["p95=5%", "p50@steady=0.3"]
    (tmp_path / "pyproject.toml").write_text("[tool")
    read_table(tmp_path, problems)
    assert "cannot be read" in str(problems[-1])
