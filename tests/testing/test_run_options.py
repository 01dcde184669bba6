"""What a test may ask of a run, and what it is told when it asks wrongly."""

from __future__ import annotations

import pytest

from gatebench.errors import Problem
from gatebench.testing.options import RunOptions, read_options


def test_the_later_source_wins() -> None:
    """The session's options, the marker's, the call's, in this order."""
    problems: list[Problem] = []
    read = read_options(
        {"ini": {"seed": "3", "engine": "embedded"}, "marker": {"seed": 4}, "call": {"rate": 50}}, problems
    )
    assert (read.seed, read.engine, read.rate) == (4, "embedded", 50.0)
    assert problems == []


def test_every_source_says_its_own_problems() -> None:
    """All of them at once, each where it stands."""
    problems: list[Problem] = []
    read_options(
        {"ini gatebench_seed": {"seed": "seven"}, "marker": {"sede": 4}, "call": {"workers": "many"}}, problems
    )
    assert [problem.where for problem in problems] == ["ini gatebench_seed", "marker", "call"]
    assert "sede" in problems[1].what


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, []),
        ({"seed": 5, "rate": 20}, ["--seed", "5", "--rate", "20/s"]),
        ({"rate": "1.5/s", "time_scale": 0.5}, ["--rate", "1.5/s", "--time-scale", "0.5"]),
        ({"settings": {"hedging": True, "breaker_failures": 3}}, ["--set", "hedging=true", "--set", "breaker_failures=3"]),
        ({"tls_verify": False}, ["--tls-no-verify"]),
        ({"users": 3, "spawn_rate": 2, "run_time": "5s"}, ["--users", "3", "--spawn-rate", "2", "--run-time", "5s"]),
        ({"allow_remote": ["a.example", "b.example"]}, ["--allow-remote", "a.example", "--allow-remote", "b.example"]),
    ],
)  # fmt: skip
def test_the_run_can_be_repeated_on_the_command_line(said: dict[str, object], words: list[str]) -> None:
    """The command of the run's record is the one that `bench run` takes."""
    options = RunOptions.model_validate(said)
    assert options.command("smoke", "reference") == ["bench", "run", "smoke", "--target", "reference", *words]


def test_no_key_stands_in_the_command() -> None:
    """The name of a header is shown, its value is not."""
    command = RunOptions(headers={"authorization": "env:GATEWAY_KEY"}).command("smoke", "reference")
    assert command[-2:] == ["--header", "authorization=…"]
