"""Bad input gets every problem at once, in sentences, with the right exit code, and starts nothing."""

import socket
import time

import pytest

from tests.e2e.bench_command import LATE, Bench, ended, marked, run_token

pytestmark = [pytest.mark.e2e, pytest.mark.light]

FIXED = """
description = "a gateway on a fixed port"
listen = "127.0.0.1:{port}"
[[process]]
name = "gateway"
command = ["sleep", "300"]
"""
DIES = """
description = "a gateway that dies at start"
[[process]]
name = "gateway"
command = ["sh", "-c", "echo 'config line 7: no such directive' >&2; exit 3"]
"""
HANGS = """
description = "a gateway that never gets ready"
[[process]]
name = "gateway"
command = ["sleep", "300"]
ready = { path = "/health", within = "500ms" }
"""


def test_an_unknown_scenario_and_an_unknown_target_are_both_named(bench: Bench) -> None:
    """Both problems, each with a suggestion, exit 2, no run folder."""
    done = bench("run", "failover-outge", "--target", "refrence")
    assert done.code == 2
    assert 'Did you mean "failover-outage"?' in done.err
    assert 'Did you mean "reference"?' in done.err
    assert "2 problems; nothing was started." in done.err
    assert bench.runs() == []


def test_no_target_is_a_problem_with_the_list_of_targets(bench: Bench) -> None:
    """Exit 2, not a traceback."""
    done = bench("run", "smoke")
    assert done.code == 2
    assert "--target: is missing." in done.err
    assert all(name in done.err for name in ("direct", "haproxy", "nginx", "reference"))


def test_a_scenario_with_three_mistakes_names_all_three(bench: Bench) -> None:
    """Rate, duration and a fault's place, each with its cure."""
    bench.scenario(
        "broken",
        load='poisson("fast")',
        phases='phase("baseline", "soon"), phase("fault", "2s", faults=[fault("latency", on="provider-z", after="1s")])',
    )
    done = bench("run", "broken", "--target", "direct")
    assert done.code == 2
    assert '"fast" is not a rate' in done.err
    assert '"soon" is not a duration' in done.err
    assert bench.runs() == []


def test_a_broken_toml_is_named_with_its_file(bench: Bench) -> None:
    """The target's file, not a traceback."""
    bench.target("torn", "description = ")
    done = bench("run", "smoke", "--target", "torn")
    assert done.code == 2
    assert "targets/torn/target.toml: is not TOML" in done.err
    assert "Traceback" not in done.err


def test_bench_check_lists_every_problem_of_every_file(bench: Bench) -> None:
    """Scenarios, targets and faults in one list, exit 2."""
    bench.scenario("one", load='poisson("fast")')
    bench.scenario("two", checks='check("nonsense", at_least=1)')
    bench.target("torn", "description = ")
    (bench.folder / "chaos" / "odd.toml").write_text('description = "x"\n')
    done = bench("check")
    assert done.code == 2
    for expected in ("scenarios/one.py", "scenarios/two.py", "targets/torn/target.toml", "chaos/odd.toml"):
        assert expected in done.err


def test_a_port_in_use_is_found_before_anything_starts(bench: Bench) -> None:
    """Exit 2 with the port; the listener is somebody else's and stays."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        bench.target("fixed", FIXED.format(port=port))
        done = bench("run", "smoke", "--target", "fixed")
        assert done.code == 2
        assert f"127.0.0.1:{port}" in done.err
        assert "that port is in use" in done.err
        socket.create_connection(("127.0.0.1", port)).close()
    assert bench.runs() == []


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [(DIES, "no such directive"), (HANGS, "was not ready within 0.5 s")],
    ids=["dies at start", "never ready"],
)
def test_a_gateway_that_does_not_start_fails_the_environment(bench: Bench, toml: str, sentence: str) -> None:
    """Exit 5 with its last log lines, quickly, and nothing of the run is left."""
    bench.target("bad", toml)
    began = time.monotonic()
    done = bench("run", "smoke", "--target", "bad")
    assert done.code == 5
    assert sentence in done.err
    assert time.monotonic() - began < 60
    assert marked(run_token(bench.newest())) == set()


def test_the_others_go_on_when_one_target_fails(bench: Bench) -> None:
    """Exit 5 for the whole, and the second target was measured."""
    bench.scenario("quick", more=LATE)
    bench.target("bad", DIES)
    done = bench("run", "quick", "--target", "bad,direct")
    assert done.code == 5
    assert len(bench.runs()) == 2
    assert done.summary()["target"] == "direct"
    assert done.summary()["verdict"] == "pass"


@pytest.mark.parametrize("option", ["--target", "--engine"])
def test_another_machine_needs_to_be_allowed_by_name(bench: Bench, option: str) -> None:
    """A private address is refused with the option that would allow it; nothing is sent."""
    rest = ["--target", "direct"] if option == "--engine" else []
    done = bench("run", "smoke", option, "http://10.11.12.13:80", *rest)
    assert done.code == 2
    assert "--allow-remote 10.11.12.13" in done.err
    assert bench.runs() == []


def test_a_folder_that_cannot_be_written_is_named(bench: Bench) -> None:
    """--out names a file."""
    (bench.folder / "file").write_text("")
    done = bench("run", "smoke", "--target", "direct", "--out", "file/runs")
    assert done.code == 2
    assert "--out file/runs: cannot be written" in done.err


def test_report_of_something_else_is_refused(bench: Bench) -> None:
    """A folder without run.json."""
    done = bench("report", "scenarios")
    assert done.code == 2
    assert "is no run folder" in done.err


def test_a_dry_run_prints_the_plan_and_sends_nothing(bench: Bench) -> None:
    """Phases, fault windows, checks; no run folder."""
    done = bench("run", "failover-outage", "--target", "reference", "--dry-run")
    assert done.code == 0
    assert "provider-drops on provider-a  13–23 s" in done.out
    assert bench.runs() == []


def test_every_problem_of_faults_is_listed_at_once(bench: Bench) -> None:
    """Unknown fault, place and plan, a parameter out of range, two that exclude each other, a window past the end, a remote Toxiproxy."""
    bench.scenario(
        "wrong",
        phases='phase("baseline", "2s"), phase("fault", "5s", chaos="nowhere", faults=[fault("nosuch", on="provider-a"), '
        'fault("latency", on="moon"), fault("latency", on="front", latency=0), fault("link-down", on="provider-b"), '
        'fault("latency", on="provider-b"), fault("provider-drops", on="provider-a", after="3s", duration="9s")]), '
        'phase("recovery", "2s")',
    )
    done = bench("run", "wrong", "--target", "direct", "--engine", "http://192.0.2.7:8474")
    assert done.code == 2
    for words in (
        "nosuch: there is no fault of this name",
        "nowhere: there is no fault plan of this name",
        'latency sits in a link, but is put on "moon"',
        "latency = 0 is out of range",
        "link-down on provider-b lets nothing through unharmed",
        "provider-drops on provider-a would run past the end of fault",
        "192.0.2.7 is not on this machine",
    ):
        assert words in done.err, done.err
    assert "7 problems; nothing was started." in done.err
    assert not (bench.folder / "runs").exists()
    assert bench("check").code == 2


def test_a_reader_that_goes_away_is_no_failed_check(bench: Bench) -> None:
    """`bench … | head -1` ends as a shell reports SIGPIPE, not with 1, and without a word."""
    with ended(bench.start("chaos", "list")) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(30) == 141
        assert process.stderr.read() == ""


def test_a_state_folder_that_cannot_be_one_is_named(bench: Bench) -> None:
    """A file in its place, a name that is too long: a sentence, never a traceback; and a run needs none."""
    for place in (bench.folder / "taken", bench.folder / ("x" * 300)):
        bench.env["GATEBENCH_STATE"] = str(place)
        (bench.folder / "taken").touch()
        done = bench("up", "--target", "direct")
        assert done.code == 5
        assert str(place) in done.err
        assert "Traceback" not in done.err
        assert "Traceback" not in bench("chaos", "status", "--log").err


def test_a_name_that_is_no_file_name_is_refused(bench: Bench) -> None:
    """What stands under it could not be found again."""
    for name in ("../b", "x" * 300):
        done = bench("up", "--target", "direct", "--name", name)
        assert done.code == 2
        assert "cannot be the name of a file" in done.err


def test_an_address_that_is_none_is_refused(bench: Bench) -> None:
    """A port beyond all ports, half an IPv6 address."""
    for url in ("http://127.0.0.1:99999", "http://[::1"):
        done = bench("chaos", "inject", "latency", "--on", "x", "--engine", url)
        assert done.code == 2
        assert "this is not the address of a Toxiproxy API" in done.err
