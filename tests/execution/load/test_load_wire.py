"""The bytes of a request."""

from __future__ import annotations

import json

import pytest

from gatebench import __version__
from gatebench.execution.load.wire import Carrier, Wire, header_problems
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint
from gatebench.stamp import RequestId, find_request_id
from gatebench.traffic import Request

BODY = b'{"model":"m","messages":[{"role":"user","content":"say \\"}\\" now"}],"stream":true}'
CHAT = Request("POST", "/v1/chat/completions", BODY, 0, 3, True, 1)
MODELS = Request("GET", "/v1/models", b"", 1, 0, False, 0)
WARMUP = 1


def split(wire: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Return the request line, the headers and the body."""
    head, _, body = wire.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    fields = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    assert len({name for name, _ in fields}) == len(fields), "a header was written twice"
    return first, dict(fields), body


def make_wire(carrier: Carrier = "header", headers: dict[str, str] | None = None) -> Wire:
    """Return a wire of one authority and run."""
    return Wire(Endpoint(host="127.0.0.1", port=8080), "0123abcd", carrier, Secrets(headers or {}))


def test_what_the_endpoint_asks_of_everybody() -> None:
    """Its prefix comes before the path, its headers replace ours, and those of the command line replace its."""
    endpoint = Endpoint(host="127.0.0.1", port=1, prefix="/openai", headers={"X-Config": "{}", "Accept": "x", "a": "1"})
    wire = Wire(endpoint, "0123abcd", "header", Secrets({"A": "2"}))
    first, headers, _ = split(wire.request(MODELS, 1, 0, 0))
    assert first == b"GET /openai/v1/models HTTP/1.1"
    assert (headers[b"x-config"], headers[b"accept"], headers[b"a"]) == (b"{}", b"x", b"2")


def test_an_endpoint_may_carry_the_id_in_fields_of_its_own() -> None:
    """They stand in the body in the place of `user`, with the id where they want it."""
    fields = {"extra": [{"at": "/user", "value": "{{ request_id }}"}], "of": "100 %"}
    wire = Wire(Endpoint(host="127.0.0.1", port=1, user=fields), "0123abcd", "user", Secrets())
    _, _, body = split(wire.request(CHAT, 7, 0, 0))
    sent = json.loads(body)
    assert RequestId("0123abcd", 7, 0, 0) == find_request_id(sent["extra"][0]["value"].encode())
    assert (sent["of"], "user" in sent) == ("100 %", False)


def test_a_chat_request() -> None:
    """The default headers, the request id, the length, and the body as the traffic made it."""
    first, fields, body = split(make_wire().request(CHAT, 42, 0, WARMUP))
    assert first == b"POST /v1/chat/completions HTTP/1.1"
    assert fields == {
        b"host": b"127.0.0.1:8080",
        b"user-agent": f"gatebench/{__version__}".encode(),
        b"accept": b"text/event-stream",
        b"content-type": b"application/json",
        b"x-gatebench-tenant": b"tenant-3",
        b"authorization": b"Bearer gatebench-tenant-3",
        b"x-request-id": b"gb-0123abcd-42-0-w",
        b"content-length": str(len(BODY)).encode(),
    }
    assert body == BODY


def test_a_request_without_a_body_has_no_length_and_no_type() -> None:
    """A GET carries neither content-type nor content-length."""
    first, fields, body = split(make_wire().request(MODELS, 7, 0, 0))
    assert first == b"GET /v1/models HTTP/1.1"
    assert not {b"content-length", b"content-type"} & fields.keys()
    assert (fields[b"accept"], body) == (b"application/json", b"")


def test_a_message_carries_the_id_in_its_metadata() -> None:
    """Anthropic's API refuses a field "user"; its own is metadata.user_id."""
    message = Request("POST", "/v1/messages", b'{"model":"m"}', 0, 0, False, 1)
    _, fields, body = split(make_wire("user").request(message, 42, 0, 0))
    assert json.loads(body) == {"model": "m", "metadata": {"user_id": "gb-0123abcd-42-0-l"}}
    assert fields[b"content-length"] == str(len(body)).encode()


@pytest.mark.parametrize("body", [BODY, b"{}"])
def test_the_user_field_carries_the_id_and_leaves_the_prompt(body: bytes) -> None:
    """With the carrier `user` the id is in the JSON, every other field is as it was, and the length is right."""
    request = Request("POST", "/v1/chat/completions", body, 0, 3, True, 1)
    _, fields, sent = split(make_wire("user").request(request, 42, 0, 0))
    assert b"x-request-id" not in fields
    assert int(fields[b"content-length"]) == len(sent)
    decoded = json.loads(sent)
    assert decoded.pop("user") == "gb-0123abcd-42-0-l"
    assert decoded == json.loads(body)


def test_without_a_carrier_there_is_no_id() -> None:
    """With the carrier `none` nothing in the request names it."""
    assert find_request_id(make_wire("none").request(CHAT, 42, 0, 0)) is None
    assert find_request_id(make_wire().request(CHAT, 42, 5, 0)) == RequestId("0123abcd", 42, 5, 0)


def test_extra_headers_are_added_and_replace_the_default_of_their_name() -> None:
    """A user's authorization wins over ours, in any case of letters; a new one is added."""
    _, fields, _ = split(make_wire(headers={"Authorization": "Bearer mine", "x-extra": "1"}).request(CHAT, 1, 0, 0))
    assert (fields[b"authorization"], fields[b"x-extra"]) == (b"Bearer mine", b"1")


def test_headers_that_cannot_be_sent_are_all_named_without_their_values() -> None:
    """Every bad header is a problem with its cure, and no value (it may be a secret) is shown."""
    headers = {
        "bad name": "a",
        "x-split": "hush\r\nx-injected: 1",
        "Content-Length": "3",
        "X-Request-Id": "y",
        "fine": "z",
    }
    texts = [str(problem) for problem in header_problems(headers)]
    assert len(texts) == 4
    assert not any("hush" in text for text in texts)
    assert all(text.endswith((".", "out.")) for text in texts)
    assert header_problems({"authorization": "Bearer x", "x-a": "\xe9"}) == []
