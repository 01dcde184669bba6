"""Traffic goes to loopback, and elsewhere only by name."""

import socket

import pytest

from gatebench import guard


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_allowed(address: str) -> None:
    """The whole of 127/8, ::1, and IPv4 mapped into IPv6."""
    guard.check(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.1", "8.8.8.8", "fe80::1", "::ffff:8.8.8.8", "0.0.0.0", "nonsense"]
)
def test_everything_else_is_refused(address: str) -> None:
    """Private ranges too: nobody's neighbour gets load by accident."""
    with pytest.raises(guard.RemoteRefused, match="--allow-remote"):
        guard.check(address)


def test_a_named_host_is_allowed() -> None:
    """By the name that was given, or by its address."""
    guard.check("10.0.0.1", ["10.0.0.1"])


def test_a_name_that_resolves_elsewhere_does_not_slip_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard looks at what the name resolves to, every address of it."""
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("127.0.0.1", "93.184.216.34")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(guard.RemoteRefused):
        guard.resolve("innocent.example", 80)
    assert guard.resolve("innocent.example", 80, ["innocent.example"])[0] == (socket.AF_INET, "127.0.0.1")
