"""A sick measurement is not a result: exit 3, with the reason in words."""

import json
import os
import signal

import pytest

from tests.e2e.bench_command import Bench, Done, ended, events, marked, run_token, wait_for

pytestmark = pytest.mark.e2e

LIES = """
description = "claims that connections are reset, while the provider closes them politely"
layer = "provider"
mechanism = "provider.drop"
live_connections = "RST"
attempts_visible = true
effect = "yes/no"
[proof]
expect = "reset"
"""
REFUSED = """
description = "asks for what no engine does: a negative delay"
layer = "link"
mechanism = "toxic.latency"
live_connections = "untouched"
attempts_visible = true
effect = "yes/no"
[parameters.latency]
default = -7
[proof]
expect = "eof"
"""
PHASES = (
    'phase("baseline", "1s"), phase("fault", "2s", faults=[fault("{fault}", on="provider-a")]), phase("recovery", "2s")'
)


def reasons(done: Done) -> str:
    """The reasons of the newest summary, in one text."""
    return " ".join(done.summary()["reasons"])


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_killed_load_worker_makes_the_run_invalid(bench: Bench, workers: int) -> None:
    """kill -9 in the middle of the load: exit 3, the worker is named, its flushed samples are kept."""
    bench.scenario("short", phases='phase("baseline", "5s")')
    with ended(bench.start("run", "short", "--target", "direct", "--workers", str(workers))) as process:
        run = wait_for(
            "the load", lambda: [p for p in bench.runs() if any(e["event"] == "load.started" for e in events(p))]
        )[0]
        part = "samples-0.arrow"
        wait_for(
            "flushed samples",
            lambda: (run / "parts" / part).exists() and (run / "parts" / part).stat().st_size > 12_000,
        )
        pids = json.loads((run / "run.json").read_text())["topology"]["workers"]
        os.kill(pids[f"load-{workers - 1}"], signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 3, err
        summary = json.loads((run / "summary.json").read_text())
        assert "worker" in " ".join(summary["reasons"])
        assert summary["ledger"]["sent"] > 0
        assert "INVALID" in out
        assert marked(run_token(run)) == set()


def test_a_saturated_generator_makes_the_run_invalid(bench: Bench) -> None:
    """60 000/s from one process is more than it can send: late or unsent, and said so."""
    bench.scenario(
        "hard",
        load='constant("60000/s")',
        phases='phase("baseline", "1s")',
        more='deadlines={"connect": "200ms", "read": "200ms", "total": "200ms"},'
        ' providers={"provider-a": {"ttft_median_ms": 0, "token_ms": 0}},',
    )
    done = bench("run", "hard", "--target", "direct")
    assert done.code == 3, done.err
    found = {finding["name"]: finding for finding in done.summary()["validity"] if finding["status"] == "invalid"}
    assert found
    assert "generator" in reasons(done) or "our own delay" in reasons(done)
    assert "--workers" in reasons(done) or "--rate" in reasons(done)
    assert done.summary()["ledger"]["balances"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param(LIES, "bite", id="does not bite"),
        pytest.param(REFUSED, "applied", id="never applied", marks=pytest.mark.slow),
    ],
)
def test_a_fault_that_was_not_makes_the_run_invalid(bench: Bench, text: str, word: str) -> None:
    """A fault whose canaries disagree, and one that the engine refused."""
    (bench.folder / "chaos" / "odd.toml").write_text(text)
    bench.scenario("odd", phases=PHASES.format(fault="odd"))
    done = bench("run", "odd", "--target", "direct")
    assert done.code == 3, done.err
    assert word in reasons(done)


def test_a_fault_that_was_makes_the_run_valid(bench: Bench) -> None:
    """The same phases with the honest fault: no finding is invalid (the control of the test above)."""
    bench.scenario("even", phases=PHASES.format(fault="provider-drops"))
    done = bench("run", "even", "--target", "direct")
    assert done.code == 0, done.err
    assert [finding for finding in done.summary()["validity"] if finding["status"] == "invalid"] == []


def test_a_provider_that_dies_makes_the_run_invalid(bench: Bench) -> None:
    """The instrument is gone: what it would have counted is unknown."""
    bench.scenario("short", phases='phase("baseline", "5s")')
    with ended(bench.start("run", "short", "--target", "direct")) as process:
        run = wait_for(
            "the load", lambda: [p for p in bench.runs() if any(e["event"] == "load.started" for e in events(p))]
        )[0]
        os.kill(json.loads((run / "run.json").read_text())["topology"]["processes"]["provider-a"], signal.SIGKILL)
        process.communicate(timeout=60)
        assert process.returncode == 3
        assert "provider-a" in " ".join(json.loads((run / "summary.json").read_text())["reasons"])
