"""`bench targets`: what is ready, and what a gateway is seen to do."""

from __future__ import annotations

import json

import pytest

from tests.e2e.bench_command import Bench

pytestmark = pytest.mark.e2e


def test_the_list_says_what_lacks(bench: Bench) -> None:
    """And how to get it: a program that is nowhere, an environment that was never made, a file that cannot be read."""
    bench.target(
        "lacks", 'description = "x"\nentry = "provider-a"\nrequires = [{ program = "no-such", cure = "make it" }]'
    )
    bench.target("bare", 'description = "x"\nentry = "provider-a"\ninstall = { python = ["no-such-thing==1.0"] }')
    bench.target("broken", "description = ")
    listed = json.loads(bench("targets", "list", "--json").out)
    rows = {row["name"]: row for row in listed["targets"]}
    assert (rows["direct"]["ready"], rows["direct"]["lacks"]) == (True, [])
    assert rows["lacks"]["lacks"] == ["Needs the program no-such, which is not on PATH. Try: make it."]
    assert rows["bare"]["lacks"] == ["Bare is not installed. Try: bench targets install bare (100 MB)."]
    assert rows["broken"]["ready"] is False and "is not TOML" in rows["broken"]["is"]


def test_an_installation_that_fails_half_way_is_named_and_the_others_go_on(bench: Bench) -> None:
    """Exit code 5, the installer's last lines, nothing kept; a run of it is refused with the cure."""
    bench.env["GATEBENCH_CACHE"] = str(bench.folder / "cache")
    bench.env["PIP_NO_INDEX"] = "1"  # nothing can be fetched
    bench.target("bare", 'description = "x"\nentry = "provider-a"\ninstall = { python = ["no-such-thing==1.0"] }')
    done = bench("targets", "install", "bare,direct")
    assert done.code == 5
    assert "bare was not installed" in done.err and "No matching distribution found for no-such-thing==1.0" in done.err
    assert "direct  needs no environment of its own" in done.out
    assert not list((bench.folder / "cache" / "targets").glob("bare-*"))
    refused = bench("run", "smoke", "--target", "bare")
    assert refused.code == 2 and "Try: bench targets install bare" in refused.err


def test_a_target_of_ours_is_brought_up_looked_at_and_taken_down(bench: Bench) -> None:
    """The reference gateway passes ids and stamps, streams and fails over; nothing is left standing."""
    done = bench("targets", "probe", "reference", "--json")
    assert done.code == 0, done.err
    found = {one["question"]: one for one in json.loads(done.out)["found"]}
    for question in ("passes our stamps", "passes ids in x-request-id", "streams as it comes", "fails over"):
        assert found[question]["answer"] == "yes", found[question]
    assert found["limits requests"]["declared"] is True
    assert "Nothing stands" in bench("up", "--list").out


def test_a_target_that_does_not_do_what_it_declares_is_exit_code_1(bench: Bench) -> None:
    """One that is no gateway at all, and boasts of failover."""
    bench.target("boast", 'description = "x"\nentry = "provider-a"\ncapabilities = ["streaming", "failover"]\n')
    done = bench("targets", "probe", "boast")
    assert done.code == 1, done.err
    assert "✗ fails over: 0 of 6 requests were served" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("probe", "no-such"), "no-such: there is no target of this name"),
        (("probe", "http://192.0.2.1:80"), "is not on this machine"),
        (("probe", "http://u:p@127.0.0.1:80"), "holds a password"),
        (("probe", "up:nothing"), "nothing of this name stands"),
        (("install", "no-such", "neither"), "neither: there is no target of this name"),
        (("remove", "no-such"), "no-such: there is no target of this name"),
    ],
)
def test_bad_input_is_refused_in_sentences(bench: Bench, words: tuple[str, ...], said: str) -> None:
    """Exit code 2, nothing started."""
    done = bench("targets", *words)
    assert done.code == 2
    assert said in done.err
