"""What a listen or upstream text means, and which ones are refused."""

from __future__ import annotations

import pytest

from gatebench.execution.toxiproxy.address import Address, check_upstream, listen_address, parse
from gatebench.execution.toxiproxy.refusal import Refusal


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:80", "127.0.0.1", 80),
        ("localhost:0", "localhost", 0),
        (":8001", "", 8001),
        ("[::1]:65535", "::1", 65535),
        ("example.org:443", "example.org", 443),
    ],
)
def test_parse(text: str, host: str, port: int) -> None:
    """Host and port are taken apart, brackets are taken off."""
    assert parse(text) == Address(host, port)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "address nonsense: missing port in address"),
        ("", "address : missing port in address"),
        ("127.0.0.1:99999", "address 99999: invalid port"),
        ("127.0.0.1:", "address : invalid port"),
        ("127.0.0.1:-1", "address -1: invalid port"),
        ("127.0.0.1:http", "address http: invalid port"),
        ("127.0.0.1:" + "9" * 5000, f"address {'9' * 5000}: invalid port"),
        ("::1:80", "address ::1:80: too many colons in address"),
        ("[::1]", "address [::1]: missing port in address"),
        ("[::1:80", "address [::1:80: missing port in address"),
    ],
)
def test_parse_says_what_is_wrong(text: str, message: str) -> None:
    """The words are Toxiproxy's."""
    with pytest.raises(ValueError, match="address") as wrong:
        parse(text)
    assert str(wrong.value) == message


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "127.0.0.1:0"),
        (":80", "127.0.0.1:80"),
        ("localhost:80", "127.0.0.1:80"),
        ("127.0.0.2:80", "127.0.0.2:80"),
        ("[::1]:80", "[::1]:80"),
    ],
)
def test_listen_is_loopback(text: str, shown: str) -> None:
    """No host means loopback: nothing is offered to the network by accident."""
    assert str(listen_address(text, ())) == shown


@pytest.mark.parametrize("text", ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "example.org:80"])
def test_listening_beyond_loopback_is_refused_unless_allowed(text: str) -> None:
    """403 with the cure; the very host that was allowed passes, if it is an address."""
    with pytest.raises(Refusal) as refused:
        listen_address(text, ())
    host = parse(text).host
    assert refused.value.status == 403
    assert f"--allow-remote {host}" in refused.value.message
    if host == "example.org":
        with pytest.raises(Refusal, match="not looked up") as refused:
            listen_address(text, {host})
        assert refused.value.status == 400
    else:
        assert listen_address(text, {host}).host == host


@pytest.mark.parametrize(
    ("text", "status"),
    [("192.0.2.1:80", 403), ("example.org:80", 403), ("[2001:db8::1]:80", 403), ("garbage", 400), ("127.0.0.1:x", 400)],
)
def test_upstreams_that_are_refused(text: str, status: int) -> None:
    """Remote hosts need permission; what could never be dialled is no upstream."""
    with pytest.raises(Refusal) as refused:
        check_upstream(text, ())
    assert refused.value.status == status


def test_upstreams_that_pass() -> None:
    """Loopback, localhost, and what was allowed."""
    for text in ("127.0.0.1:1", "localhost:1", "[::1]:1"):
        check_upstream(text, ())
    check_upstream("example.org:80", {"example.org"})
