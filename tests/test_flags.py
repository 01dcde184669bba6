"""Flags: what a fault says of them, and what a gateway reads."""

from __future__ import annotations

import json

import pytest

from gatebench.flags import Flags, weights


def test_weights_of_a_text() -> None:
    """Names with numbers; blanks do not matter, and nothing said is nothing."""
    assert weights(" provider-a = 90 , provider-b=10,") == {"provider-a": 90.0, "provider-b": 10.0}
    assert weights("a=0,b=1") == {"a": 0.0, "b": 1.0}
    assert weights("") == {}


@pytest.mark.parametrize("text", ["a", "a=", "=1", "a=0", "a=1,a=2", "a=-1,b=3", "a=x", "a=inf", "a=nan"])
def test_what_is_no_weight_is_refused(text: str) -> None:
    """A text that names no share is a mistake, not a split."""
    with pytest.raises(ValueError, match=r"; (write|give) "):
        weights(text)


def test_what_a_gateway_reads() -> None:
    """Weights, a provider for a tenant, a rollback; what is not said is not there."""
    said = Flags.of({"weights": "a=1,b=3", "tenants": "tenant-7=b", "rollback": 0})
    assert json.loads(said.text()) == {
        "rollback": False,
        "weights": {"a": 1.0, "b": 3.0},
        "tenants": {"tenant-7": {"b": 1}},
    }
    assert json.loads(Flags.of({"rollback": 1}).text()) == {"rollback": True}
    assert Flags.of({}) == Flags()
