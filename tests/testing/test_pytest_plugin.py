"""The plugin in a pytest of its own: the fixture, options, markers, and what a failed test shows."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from gatebench.testing import RunResult

pytest_plugins = "pytester"

STORED = '''
"""Stored runs stand for the ones that are asked for, by their seed."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_real_run():
    from gatebench.experiment import making
    from gatebench.run.folder import RunFolder
    from gatebench.run.summary import Summary

    def make(plan, out, how):
        print("asked for seed", plan.seed, "engine", plan.engine.kind, "below", out.name)
        folder = RunFolder(Path(os.environ[f"STORED_{plan.seed}"]))
        return making.Made(folder, Summary.model_validate_json((folder.path / "summary.json").read_text()), 0)

    making.make = make
'''
GOOD, FAILED, SICK = "1", "2", "3"


@pytest.fixture
def project(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, good: RunResult, failed: RunResult, sick: RunResult
) -> pytest.Pytester:
    """A repository whose tests ask for runs; none is made."""
    for seed, result in ((GOOD, good), (FAILED, failed), (SICK, sick)):
        monkeypatch.setenv(f"STORED_{seed}", str(result.folder))
    monkeypatch.delenv("GATEBENCH_WORKSPACE", raising=False)
    for name in ("CI", "BUILD_NUMBER"):  # where they are set, pytest's own short summary repeats whole messages
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # ours is named, installed or not
    pytester.makeconftest(STORED)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run pytest in a process of its own."""
    return project.runpytest_subprocess("-p", "gatebench.pytest_plugin", "--strict-markers", *arguments, timeout=100)


def test_a_failed_test_shows_the_run_it_looked_at(
    project: pytest.Pytester, good: RunResult, failed: RunResult, sick: RunResult
) -> None:
    """Also one that a fixture made for another test; a run that is no measurement fails by itself, and says why once."""
    project.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def shared(gatebench):
            return gatebench.run("smoke", target="reference", seed=2)

        def test_good(gatebench):
            result = gatebench.run("smoke", target="reference")
            assert result.passed, result.explain()
            assert result.metric("response_p95_ms", phase="baseline").value < 500
            assert result.check("requests_lost").verdict == "pass"

        def test_shared_first(shared):
            assert shared.verdict == "fail"

        def test_shared_again(shared):
            assert shared.value("requests_lost") == 0

        def test_sick(gatebench):
            gatebench.run("smoke", target="reference", seed=3)

        @pytest.mark.gatebench(sede=1)
        def test_bad_request(gatebench):
            gatebench.run("smok", target="refrence")

        def test_without_a_run():
            assert False
        """
    )
    done = run(project, "--junitxml=junit.xml")
    done.assert_outcomes(passed=2, failed=4)
    text = done.stdout.str()
    sections = text.split("gatebench runs")
    assert len(sections) == 2, "one test failed without saying itself what its run was; the others need no such section"
    assert str(failed.folder) in sections[1]
    assert "✗ fail    Requests lost is at most 0: 9" in sections[1]
    assert text.count(f"{sick.folder}/report.html") == 1
    assert "This measurement cannot be trusted." in text
    assert "BadRequest: 3 problems; nothing was started." in text
    assert "@pytest.mark.gatebench: sede: " in text
    assert 'Did you mean "reference"?' in text
    assert "runs.py" not in text, "the traceback ends in the test's own line"
    cases = {case.get("name"): case for case in ET.parse(project.path / "junit.xml").iter("testcase")}
    properties = {one.get("name"): one.get("value") for one in cases["test_good"].iter("property")}
    assert properties == {"gatebench_run": str(good.folder), "gatebench_verdict": "pass"}


def test_options_stand_in_the_ini_file_and_the_command_line_wins(project: pytest.Pytester) -> None:
    """Then a marker's, then the call's."""
    project.makeini("[pytest]\ngatebench_seed = 2\ngatebench_out = kept\ngatebench_engine = embedded\n")
    project.makepyfile(
        """
        import pytest

        def test_session(gatebench):
            gatebench.run("smoke", target="reference")

        @pytest.mark.gatebench(seed=2)
        def test_marked(gatebench):
            gatebench.run("smoke", target="reference")

        @pytest.mark.gatebench(seed=2)
        def test_called(gatebench):
            gatebench.run("smoke", target="reference", seed=1)
        """
    )
    done = run(project, "-s", "-q", "--gatebench-seed=1", "--gatebench-out=elsewhere")
    done.assert_outcomes(passed=3)
    said = [line.lstrip(".") for line in done.outlines if "asked for" in line]
    assert said == [f"asked for seed {seed} engine embedded below elsewhere" for seed in (1, 2, 1)]


def test_runs_can_be_left_out(project: pytest.Pytester) -> None:
    """Whatever uses the fixture is marked, also by way of another fixture."""
    project.makepyfile(
        """
        import pytest

        @pytest.fixture
        def outage(gatebench):
            return gatebench.run("smoke", target="reference")

        def test_by_way_of_another(outage): ...
        def test_itself(gatebench): ...
        def test_quick(): ...
        """
    )
    left_out = run(project, "-m", "not gatebench", "--collect-only", "-q")
    assert [line for line in left_out.outlines if "::" in line] == ["test_runs_can_be_left_out.py::test_quick"]


@pytest.mark.slow
def test_runs_of_several_processes_are_shown_too(project: pytest.Pytester, failed: RunResult) -> None:
    """With pytest-xdist the report of a failed test is the same."""
    pytest.importorskip("xdist")
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("seed", [1, 2])
        def test_one(gatebench, seed):
            assert gatebench.run("smoke", target="reference", seed=seed).passed
        """
    )
    done = run(project, "-p", "xdist", "-n", "2")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        [f"*<run fail: *[[]{failed.folder}[]]>.passed*", "*gatebench runs*", f"*{failed.folder}*"]
    )


def test_whoever_makes_no_run_waits_for_nothing() -> None:
    """Loading the plugin loads nothing but pytest and the package's name."""
    code = (
        "import pytest, sys; before = set(sys.modules); import gatebench.pytest_plugin;"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["gatebench", "gatebench.pytest_plugin"])


def test_what_a_run_loads_replaces_no_socket() -> None:
    """Neither locust nor gevent is ever imported in the pytest process."""
    code = "import sys, gatebench.testing.runs; print([one for one in sys.modules if one.startswith(('locust', 'gevent'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_package_says_that_it_is_a_plugin() -> None:
    """The name that pytest finds it by, in the metadata of the project."""
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"gatebench": "gatebench.pytest_plugin"}
