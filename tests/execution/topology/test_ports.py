"""Ports are free, different, and out of the way of outgoing connections."""

import socket
import subprocess
import sys

import pytest

from gatebench.execution.topology import ports


def test_free_ports_are_free_and_different() -> None:
    """Each can be listened on."""
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert all(ports.is_free(port) for port in found)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    """Also for a listener that allows address reuse."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not ports.is_free(taken.getsockname()[1])


def test_load_cannot_take_them_away() -> None:
    """They lie outside the range that outgoing connections draw from."""
    low, high = ports._ephemeral_range()
    assert not any(low <= port <= high for port in ports.free_ports(50))


def test_too_many_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number that was there."""
    monkeypatch.setattr(ports, "is_free", lambda _: False)
    with pytest.raises(OSError, match="2 free loopback ports are not to be had; 0 are"):
        ports.free_ports(2)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has abstract Unix sockets")
def test_two_processes_are_given_different_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one was given and does not listen on yet is nobody else's; when it has ended, it is free again."""
    given = ports.free_ports(1)[0]
    only = f"import sys; from gatebench.execution.topology import ports; ports._FIRST, ports._LAST = {given}, {given + 1}\n"
    asking = only + "print(ports.free_ports(1)); sys.stdout.flush(); sys.stdin.read()"
    refused = subprocess.run([sys.executable, "-c", asking], input="", capture_output=True, text=True, check=False)
    assert "1 free loopback ports are not to be had; 0 are" in refused.stderr
    monkeypatch.setattr(ports, "_KEPT", 0)
    ports.free_ports(1)
    taken = subprocess.run([sys.executable, "-c", asking], input="", capture_output=True, text=True, check=True)
    assert taken.stdout == f"[{given}]\n"
