"""`bench targets`: what is ready, and what a gateway is seen to do."""

from __future__ import annotations

import json
import sys
import tomllib

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
    assert rows["bare"]["lacks"] == [
        "Needs an environment of its own, which is not installed. Try: bench targets install bare (100 MB)."
    ]
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


def test_a_gateway_of_ones_own_by_its_command(bench: Bench) -> None:
    """It is told by variables where to listen and where its upstream is, and everything else is found by looking."""
    assert bench("new", "target", "forwarder").code == 0
    (bench.folder / "mine.py").write_text(
        "import os, runpy, sys, urllib.parse\n"
        'upstream = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])\n'
        'assert upstream.path == "/v1" and sys.argv[1] == os.environ["PORT"]\n'
        'sys.argv = ["mine", os.environ["PORT"], str(upstream.port), "5"]\n'
        f'runpy.run_path({str(bench.folder / "targets" / "forwarder" / "gateway.py")!r}, run_name="__main__")\n'
    )
    made = bench("new", "target", "mine", "--command", f"{sys.executable} {bench.folder}/mine.py {{port}}")
    assert made.code == 0, made.err
    done = bench("targets", "probe", "mine", "--json")
    found = {one["question"]: one["answer"] for one in json.loads(done.out)["found"]}
    assert (found["streams as it comes"], found["passes ids in x-request-id"], found["fails over"]) == (
        "yes",
        "yes",
        "no",
    )
    assert done.code == 0


def test_an_image_and_a_service_become_commands_of_docker(bench: Bench) -> None:
    """On the host's network, with the version that was named; without Docker a run is refused with the cure."""
    (bench.folder / "compose.yml").write_text("services: {gateway: {image: 'gw:1'}}\n")
    assert bench("new", "target", "boxed", "--image", "kong:3.9.1", "--upstream-env", "UPSTREAM").code == 0
    assert bench("new", "target", "served", "--compose", "compose.yml:gateway").code == 0
    boxed = tomllib.loads((bench.folder / "targets" / "boxed" / "target.toml").read_text())
    [process] = boxed["process"]
    assert process["command"][:5] == ["docker", "run", "--rm", "--init", "--network=host"]
    assert process["command"][-1] == "kong:3.9.1" and "UPSTREAM={{ providers[0].url }}/v1" in process["command"]
    served = tomllib.loads((bench.folder / "targets" / "served" / "target.toml").read_text())
    assert served["process"][0]["command"][3] == str(bench.folder / "compose.yml")
    bench.env["PATH"] = "/nowhere"
    refused = bench("run", "smoke", "--target", "boxed,served")
    assert refused.code == 2 and refused.err.count("needs the program docker") == 2


def test_every_problem_of_a_new_target_at_once(bench: Bench) -> None:
    """And nothing is written."""
    words = ("--image", "kong", "--command", "'", "--compose", "none.yml:x", "--port-env", "A B")
    done = bench("new", "target", "mine", *words)
    assert done.code == 2 and "5 problems" in done.err
    assert not (bench.folder / "targets" / "mine").exists()
    assert bench("new", "fault", "mine", "--image", "kong:3").code == 2
