"""Bodies are read as Toxiproxy reads them: lenient about what is unknown, strict about types."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.execution.toxiproxy.body import Fields, decode, encode
from gatebench.execution.toxiproxy.refusal import Refusal
from gatebench.execution.toxiproxy.toxic import Attribute, Kind, kinds, register
from gatebench.execution.toxiproxy.toxics import latency


@pytest.mark.parametrize(
    ("body", "value"),
    [(b'{"a":1}', {"a": 1}), (b" \n[1] trailing garbage", [1]), (b"null", None), (b'{"a":1}{"a":2}', {"a": 1})],
)
def test_first_value_counts(body: bytes, value: Any) -> None:
    """What follows the first value is ignored."""
    assert decode(body) == value


@pytest.mark.parametrize(
    "body", [b"", b"   ", b"bogus", b"{", b'{"a":NaN}', b'{"a":Infinity}', b"[" * 100_000, b"9" * 10_000]
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """400, with the prefix that clients look for; nothing makes it fall over."""
    with pytest.raises(Refusal, match=r"^bad request body: ") as refused:
        decode(body)
    assert refused.value.status == 400


def test_an_empty_body_is_eof() -> None:
    """The very words."""
    with pytest.raises(Refusal) as refused:
        decode(b"")
    assert refused.value.message == "bad request body: EOF"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No body raises anything else."""
    try:
        Fields(decode(body))
    except Refusal as refusal:
        assert refusal.status == 400


def test_encode_escapes_what_go_escapes() -> None:
    """No spaces; `<`, `>`, `&` as escapes; other letters as they are."""
    assert encode({"a<b>&": "é", "n": 1.5}) == '{"a\\u003cb\\u003e\\u0026":"é","n":1.5}'.encode()


def test_names_in_any_case_and_null_is_absent() -> None:
    """`Enabled` and `enabled` are one field; null leaves the default."""
    fields = Fields({"ENABLED": False, "Name": "a", "listen": None})
    assert fields.flag("enabled", True) is False
    assert fields.text("name") == "a"
    assert fields.text("listen", "default") == "default"
    assert fields.optional_text("listen") is None
    assert fields.has("enabled")
    assert not fields.has("listen")
    assert Fields(None).text("name") == ""


@pytest.mark.parametrize(
    "read",
    [
        lambda fields: fields.text("a"),
        lambda fields: fields.flag("b", True),
        lambda fields: fields.count("c"),
        lambda fields: fields.share("c", 1.0),
        lambda fields: fields.object("d"),
    ],
)
def test_wrong_types_are_refused(read: Any) -> None:
    """A number is no string, a string no truth value, true no number, a list no object."""
    with pytest.raises(Refusal, match="bad request body"):
        read(Fields({"a": 1, "b": "true", "c": True, "d": []}))
    with pytest.raises(Refusal, match="bad request body"):
        Fields([])


def test_half_a_surrogate_pair_is_replaced() -> None:
    """A name with one could be created and never be reached again; a whole pair is a letter like any other."""
    fields = Fields(decode(b'{"name":"a\\ud800b","listen":"\\ud83d\\ude00"}'))
    assert (fields.text("name"), fields.optional_text("listen")) == ("a\ufffdb", "\U0001f600")


@pytest.mark.parametrize("value", [-0.1, 1.1, 2, -1, 10**400, 1e999])
def test_a_share_lies_between_0_and_1(value: float) -> None:
    """A toxicity of 2 is a mistake, not a certainty."""
    with pytest.raises(Refusal, match="between 0 and 1"):
        Fields({"toxicity": value}).share("toxicity", 1.0)
    assert Fields({"toxicity": 1}).share("toxicity", 0.0) == 1.0


@pytest.mark.parametrize("value", [100.0, 1e2, 1.5, "100", True, [1], 2**63])
def test_attributes_are_whole_numbers(value: Any) -> None:
    """Floats, even integral ones, texts and numbers beyond 64 bits are refused."""
    with pytest.raises(Refusal, match="whole number of ms"):
        kinds()["latency"].merge({}, {"latency": value})


def test_attributes_are_merged() -> None:
    """What is not given stays, what is unknown is dropped, null changes nothing, the order is that of the toxic."""
    kind = kinds()["latency"]
    assert list(kind.merge({}, {"jitter": 5, "speed": 1}).items()) == [("latency", 0), ("jitter", 5)]
    assert kind.merge({"latency": 7, "jitter": 5}, {"latency": None, "jitter": 6}) == {"latency": 7, "jitter": 6}


@pytest.mark.parametrize(("name", "attribute"), [("bandwidth", "rate"), ("latency", "jitter"), ("timeout", "timeout")])
def test_negative_attributes_are_refused(name: str, attribute: str) -> None:
    """A negative rate kills the real server; here it is 400."""
    with pytest.raises(Refusal, match="at least 0") as refused:
        kinds()[name].merge({}, {attribute: -1})
    assert refused.value.status == 400


def test_every_file_of_the_folder_is_a_toxic_of_its_name() -> None:
    """Adding a file is all there is to do; a second toxic of one name is a mistake that shows at once."""
    from pathlib import Path

    files = {path.stem for path in Path(latency.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(kinds()) == files
    assert all(isinstance(kind, Kind) and kind.name == name for name, kind in kinds().items())
    with pytest.raises(ValueError, match="two toxics"):
        register("latency", latency.LatencyStage, Attribute("latency", "ms"))
