"""Embeddings follow from their text, in either encoding, and are refused with everything that is wrong."""

import base64
from typing import Any

import numpy as np
import orjson
import pytest

from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.embeddings import DEFAULT_DIMENSIONS, Embeddings, parse_embeddings, vector
from gatebench.stamp import find_stamps

STAMP = b"gb1~provider-a~7~100~00000000000000ff~tenant-1~250~"


def said(**fields: Any) -> Any:
    """The answer to a request with these fields."""
    asked = parse_embeddings(orjson.dumps({"model": "m", "input": "one two"} | fields))
    status, body, tokens, headers = Embeddings().whole(asked, STAMP, 1700, 2)
    assert (status, tokens, headers) == (200, 0, b"")
    assert len(find_stamps(body)) == 2
    return orjson.loads(body)


def test_the_shape_is_openais() -> None:
    """A list of vectors with their index, the model, the usage."""
    answer = said(input=["one", "two"], dimensions=8)
    assert [answer["object"], answer["model"]] == ["list", "m"]
    assert [(one["object"], one["index"], len(one["embedding"])) for one in answer["data"]] == [
        ("embedding", 0, 8),
        ("embedding", 1, 8),
    ]
    assert answer["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
    assert (answer["id"], answer["system_fingerprint"]) == (f"embd-{STAMP.decode()}", STAMP.decode())


def test_both_encodings_say_the_same() -> None:
    """Base64 holds little-endian floats of 32 bits, as OpenAI's does."""
    floats = said(dimensions=16)["data"][0]["embedding"]
    encoded = said(dimensions=16, encoding_format="base64")["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(encoded), "<f4").tolist() == np.array(floats, "<f4").tolist()


def test_a_text_has_one_vector() -> None:
    """The same text has the same one of length 1, another text another; the default is 1536 long."""
    assert vector("a", 64).tolist() == vector("a", 64).tolist()
    assert abs(float(vector("a", 64) @ vector("b", 64))) < 0.6  # random directions: standard deviation 1/8
    assert float(np.linalg.norm(vector("a", 64))) == pytest.approx(1, abs=1e-6)
    assert len(said()["data"][0]["embedding"]) == DEFAULT_DIMENSIONS


def test_fewer_dimensions_are_the_beginning() -> None:
    """The first of many, brought to length 1."""
    beginning = vector("a", 64)[:8].astype(float)
    assert vector("a", 8).tolist() == pytest.approx((beginning / np.linalg.norm(beginning)).tolist(), abs=1e-6)


@pytest.mark.parametrize(
    ("given", "inputs"),
    [("a b", ("a b",)), (["a", "b"], ("a", "b")), ([1, 2, 3], ("1 2 3",)), ([[1, 2], [3]], ("1 2", "3"))],
)
def test_what_may_be_embedded(given: Any, inputs: tuple[str, ...]) -> None:
    """A text, texts, tokens, lists of tokens; the prompt is all of them."""
    asked = parse_embeddings(orjson.dumps({"model": "m", "input": given}))
    assert (asked.inputs, asked.prompt) == (inputs, "\n".join(inputs))


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": [[1], []]}, "input"),
        ({"input": [1, "a"]}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"model": None}, "model"),
        ({"model": 3}, "model"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": True}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"user": 3}, "user"),
    ],
)
def test_what_is_refused(change: dict[str, Any], param: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(Refusal) as refusal:
        parse_embeddings(orjson.dumps({"model": "m", "input": "a"} | change))
    assert (refusal.value.status, refusal.value.param) == (400, param)


def test_everything_at_once() -> None:
    """Three mistakes are three sentences."""
    with pytest.raises(Refusal) as refusal:
        parse_embeddings(b'{"dimensions":0,"encoding_format":"x"}')
    assert all(f'"{name}"' in refusal.value.message for name in ("input", "model", "dimensions", "encoding_format"))
