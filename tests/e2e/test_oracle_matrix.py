"""Each check sees its own fault: some cells of the matrix live, all of them by one seed in the virtual world."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.faulty.matrix import Cell, cells, main, measure
from tests.faulty.table import load
from tests.faulty.workspace import CORRECT

pytestmark = pytest.mark.e2e
TABLE = load()
SHORT = (
    "all_down",
    "bulkhead",
    "limit-quota",
    "limit_keys",
    "quota",
    "shedding",
)  # the others take longer: make check-all
ROOT = Path(__file__).resolve().parents[2]


def seeds(*arguments: str) -> str:
    """Play some of the matrix in the virtual world; return what was not as it has to be."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.virtual.seeds", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr


@pytest.mark.light
@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(name, marks=() if name in SHORT else pytest.mark.slow)
        for name, facts in TABLE.profile.items()
        if facts.virtual
    ],
)
def test_every_check_sees_its_own_fault_in_the_virtual_world(profile: str) -> None:
    """Every faulty gateway of a profile, and the correct one, by one seed; `make oracle-seeds` plays many."""
    assert seeds("--profile", profile, "--red", "1", "--green", "1") == ""


@pytest.mark.light
def test_the_same_seed_is_the_same_run() -> None:
    """To the nanosecond; another seed is another."""
    jobs = [word for seed in ("5", "5", "6") for word in ("breaker", CORRECT, seed, "1")]
    argv = [sys.executable, "-m", "tests.virtual", *jobs]
    runs = subprocess.run(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    digests = sorted((json.loads(run)["seed"], json.loads(run)["digest"]) for run in runs)
    assert digests[0] == digests[1]
    assert digests[1][1] != digests[2][1]


@pytest.mark.timeout(300)
def test_a_fault_is_seen_live_and_a_correct_gateway_is_not_blamed() -> None:
    """The breaker's profile over real sockets."""
    found = measure(
        TABLE,
        1,
        profiles=frozenset(("breaker",)),
        gateways=frozenset((CORRECT, "never-opens")),
        own=True,
        console=Console(quiet=True),
    )
    assert [cell for cell in found if not cell.right] == []
    assert {cell.check for cell in found if cell.verdict == "fail"} >= {"breaker/attempts_on_faulty_provider"}


def test_a_run_that_cannot_be_trusted_is_no_proof() -> None:
    """Neither is one that did not take place."""
    gateway = TABLE.gateway[0]
    for summary in ({"error": "no"}, {"verdict": "invalid", "reasons": ["late"], "checks": []}):
        (cell,) = cells("breaker", gateway, summary)
        assert isinstance(cell, Cell)
        assert not cell.right


def test_a_matrix_of_nothing_is_no_success() -> None:
    """A profile that does not exist proves nothing."""
    assert main(["--profile", "nothing"]) == 1
