"""What enters the page stays data: no string ends an element, and no script runs but ours."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest

from gatebench.analysis.report.embedding import as_json, as_script, as_style, policy

HOSTILE = ["</script><script>alert(1)</script>", "<!--", "&lt;", "\u2028\u2029", '"\\', "]]>"]


@pytest.mark.parametrize("text", HOSTILE)
def test_json_cannot_end_its_element(text: str) -> None:
    """Hostile strings come back whole, as values and as names, and hold no character that HTML would read."""
    embedded = as_json({text: [text]})
    assert json.loads(embedded) == {text: [text]}
    assert not set("<>&\u2028\u2029") & set(embedded)


def test_json_refuses_what_is_no_json() -> None:
    """A number that JavaScript could not read is an error here, not in somebody's browser."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json({"x": float("nan")})


@pytest.mark.parametrize("source", ["x = '</SCRIPT>'", "x <!-- y"])
def test_script_that_would_end_early(source: str) -> None:
    """A script that cannot stand in a page is refused."""
    with pytest.raises(ValueError, match="cannot stand inside a page"):
        as_script(source)


def test_style_that_would_end_early() -> None:
    """A style sheet that cannot stand in a page is refused."""
    with pytest.raises(ValueError, match="cannot stand inside a page"):
        as_style("/* </style> */")


def test_policy_names_each_script() -> None:
    """The policy allows exactly the scripts that were given, by digest, and no network."""
    text = policy(["a()", "b()"])
    for script in ("a()", "b()"):
        assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in text
    assert text.startswith("default-src 'none'")
    assert text.count("sha256-") == 2
    assert "http" not in text
    assert "script-src 'unsafe-inline'" not in text
