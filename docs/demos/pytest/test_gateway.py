"""What our gateway must keep when a provider goes away."""

import pytest

from gatebench.testing import Gatebench, RunResult


@pytest.fixture(scope="module")
def outage(gatebench: Gatebench) -> RunResult:
    """One run, which every test of this file looks at."""
    return gatebench.run("short-outage", target="reference")


def test_the_scenario_passes(outage: RunResult) -> None:
    """Every check of the scenario holds."""
    assert outage.passed, outage.explain()


def test_nobody_waits_for_the_provider_that_is_gone(outage: RunResult) -> None:
    """Half the requests are as quick as before, give or take twenty milliseconds."""
    before = outage.value("response_p50_ms", phase="baseline")
    during = outage.value("response_p50_ms", phase="fault")
    assert during < before + 20


def test_nothing_is_executed_twice(outage: RunResult) -> None:
    """The books of the providers say so, and how many requests they looked at."""
    found = outage.check("duplicate_execution")
    assert found.verdict == "pass"
    assert found.n > 500
