"""Who may take part: whoever knows the token, with the same gatebench and the same headers."""

from __future__ import annotations

from typing import Any

import pytest

from gatebench.execution.load.joining import (
    SILENCE_S,
    TICK_S,
    Silence,
    differences,
    new_nonce,
    new_token,
    obstacle,
    proof,
    proven,
    refusal,
)
from gatebench.execution.load.machine import machine
from gatebench.plan import Endpoint, TlsPlan


def test_a_proof_is_for_one_side_of_one_exchange() -> None:
    """The token alone makes it; another token, side or number unmakes it, and it does not hold the token."""
    token, theirs, ours = new_token(), new_nonce(), new_nonce()
    shown = proof(token, "worker", theirs, ours)
    assert proven(shown, token, "worker", theirs, ours)
    assert not proven(shown, new_token(), "worker", theirs, ours)
    assert not proven(shown, token, "master", theirs, ours)
    assert not proven(shown, token, "worker", ours, theirs)
    assert not proven(shown, token, "worker", theirs, new_nonce())
    assert token not in shown


@pytest.mark.parametrize("shown", [None, 7, "", "é" * 64, b"bytes", ["x"]])
def test_nonsense_proves_nothing(shown: object) -> None:
    """Whatever a stranger sends is no proof, and no error either."""
    assert not proven(shown, "token", "worker", "a", "b")


@pytest.mark.parametrize(
    ("theirs", "headers", "said"),
    [
        ({"gatebench": "9.9.9"}, (), "Install gatebench"),
        ({"gatebench": None}, (), "runs gatebench None"),
        ({"headers": []}, ("authorization",), "Add --header authorization=env:VARIABLE to bench worker."),
        ({"headers": ["x-a"]}, ("x-a", "x-b", "x-c"), "the headers x-b, x-c, which the worker was not given"),
        ({"headers": ["x-a"]}, (), "was given the header x-a, which the run does not send"),
        ({"headers": ["x-a"]}, ("x-a",), None),
        ({"python": "2.7"}, (), None),
    ],
)
def test_refusals_name_the_cure(theirs: dict[str, Any], headers: tuple[str, ...], said: str | None) -> None:
    """Another gatebench and other headers are refused with what to do; another Python is not."""
    ours = machine()
    why = refusal(ours, {**ours, **theirs}, headers)
    assert why is None if said is None else why is not None and said in why


@pytest.mark.parametrize(
    ("endpoint", "allowed", "said"),
    [
        (Endpoint(host="127.0.0.1", port=80), (), None),
        (Endpoint(host="192.0.2.7", port=80), (), "Add --allow-remote 192.0.2.7 to bench worker."),
        (Endpoint(host="192.0.2.7", port=80), ("192.0.2.7",), None),
        (Endpoint(unix="/run/gateway"), (), "a Unix socket, which no other machine reaches"),
        (Endpoint(host="no such host", port=80), (), "cannot find"),
        (
            Endpoint(host="127.0.0.1", port=80, tls=TlsPlan(server_name="x", ca="/nowhere/ca.pem")),
            (),
            "certificates in /nowhere/ca.pem, which this machine does not have",
        ),
    ],
)
def test_obstacles_are_found_before_the_load(endpoint: Endpoint, allowed: tuple[str, ...], said: str | None) -> None:
    """Where this machine may not or cannot send, it says so with the cure instead of failing each request."""
    why = obstacle(endpoint, allowed)
    assert why is None if said is None else why is not None and said in why


def test_differences_are_said() -> None:
    """What does not hinder but may show in figures is put into words; the same machine differs in nothing."""
    ours = machine()
    assert list(differences(ours, ours)) == []
    assert list(differences(ours, {**ours, "python": "3.99.0"})) == [f"python 3.99.0 instead of {ours['python']}"]


def test_a_machine_names_its_clock_and_not_itself() -> None:
    """Host and clock are digests; the name of the host is nowhere."""
    import socket

    found = machine()
    assert found == machine()
    assert len(found["host"]) == len(found["clock"]) == 12
    assert socket.gethostname() not in (found["host"], found["clock"], found["system"])


def test_silence_is_counted_in_own_ticks() -> None:
    """Only ticks without a word count, one word ends them, and a process that slept is not hasty."""
    silence = Silence()
    needed = round(SILENCE_S / TICK_S)
    assert not silence.tick()  # a first one, from the beginning
    assert [silence.tick() for _ in range(needed)] == [False] * (needed - 1) + [True]
    silence.hear()
    assert not silence.tick()
    assert silence.ticks == 0
