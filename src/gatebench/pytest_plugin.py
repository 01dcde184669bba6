"""The pytest plugin: the `gatebench` fixture makes runs inside tests.

Every pytest in whose environment gatebench is installed loads this file, so it imports nothing but pytest.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gatebench.testing.result import RunResult
    from gatebench.testing.runs import Gatebench

_MARKER = "gatebench"


@dataclass
class _Session:
    """Which test is being run, and the runs that were made: by which test, what is said of each, and its result."""

    item: pytest.Item | None = None
    made: list[tuple[str, str, RunResult | None]] = field(default_factory=list)


_SESSION = pytest.StashKey[_Session]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; each also stands in the ini file, and the command line wins."""
    group = parser.getgroup("gatebench", "gatebench: load and faults against gateways")
    group.addoption("--gatebench-out", metavar="DIR", help="Folder that receives the run folders (ini: gatebench_out).")
    group.addoption(
        "--gatebench-engine",
        metavar="ENGINE",
        help="Toxiproxy: auto, embedded, toxiproxy (a real server), or its URL (ini: gatebench_engine).",
    )
    group.addoption(
        "--gatebench-seed",
        metavar="N",
        help="Fixes arrivals, prompts and service times of every run (ini: gatebench_seed).",
    )
    parser.addini("gatebench_workspace", "Folder that holds scenarios/, targets/, chaos/ and reports/.", default="")
    parser.addini("gatebench_out", "Folder that receives the run folders, from the root folder.", default="runs")
    parser.addini("gatebench_engine", "Toxiproxy: auto, embedded, toxiproxy, or its URL.", default="")
    parser.addini("gatebench_seed", "Seed of every run.", default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): makes a run of load; tests that use the fixture have it by themselves, and its options are "
        "defaults of their gatebench.run()",
    )
    config.stash[_SESSION] = _Session()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that uses the fixture, also by way of another one, so that `-m "not gatebench"` leaves it out."""
    for item in items:
        if "gatebench" in getattr(item, "fixturenames", ()):
            item.add_marker(_MARKER)


@pytest.fixture(scope="session")
def gatebench(pytestconfig: pytest.Config) -> Gatebench:
    """Make runs of load: `gatebench.run("smoke", target="reference")` returns what came of one.

    It may be used from fixtures of any scope, so that several tests look at one run.
    """
    from gatebench.testing.runs import Gatebench

    session = pytestconfig.stash[_SESSION]
    workspace = pytestconfig.getini("gatebench_workspace") or os.environ.get("GATEBENCH_WORKSPACE", "")

    def made(folder: Path, verdict: str, result: RunResult | None) -> None:
        test = session.item
        said = result.explain() if result else f"a run that could not be read; it lies in {folder}"
        session.made.append((test.nodeid if test else "", said, result))
        if test is not None:
            test.user_properties += [("gatebench_run", str(folder)), ("gatebench_verdict", verdict)]

    return Gatebench(
        workspace=pytestconfig.rootpath / workspace,
        out=pytestconfig.rootpath / _said(pytestconfig, "out")[1],
        defaults=_defaults(pytestconfig),
        marked=lambda: _marked(session.item),
        made=made,
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note which test comes next."""
    item.config.stash[_SESSION].item = item


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to the report of a failed test the runs it made, and those that its fixtures hold."""
    report = yield
    if report.failed:
        held = [id(value) for value in getattr(item, "funcargs", {}).values()]
        made = item.config.stash[_SESSION].made
        told = [
            said for test, said, result in made if test == item.nodeid or (result is not None and id(result) in held)
        ]
        new = [said for said in told if said.splitlines()[-1] not in report.longreprtext]  # asserted with explain()
        if new:
            report.sections.append(("gatebench runs", "\n".join(new)))
    return report


def _said(config: pytest.Config, name: str) -> tuple[str, str]:
    """Return where an option was given, and what."""
    typed = config.getoption(f"gatebench_{name}")
    return (
        (f"--gatebench-{name}", str(typed)) if typed else (f"ini gatebench_{name}", config.getini(f"gatebench_{name}"))
    )


def _defaults(config: pytest.Config) -> dict[str, dict[str, Any]]:
    """Return the options of the session, by where they were given."""
    found = {}
    for name in ("engine", "seed"):
        where, text = _said(config, name)
        if text:
            found[where] = {name: text}
    return found


def _marked(item: pytest.Item | None) -> Mapping[str, Any]:
    """Return the options of a test's markers, the closest one winning."""
    options: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers(_MARKER)) if item else []):
        options |= marker.kwargs
    return options
