"""Where a target's page of metrics is, and which series of a Prometheus are its own."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from gatebench.content import Content
from gatebench.execution import prometheus
from gatebench.execution.asking import Problems, RunRequest, resolve_target
from gatebench.execution.observing import planned_page, planned_prometheus
from gatebench.plan import PagePlan, PrometheusPlan
from gatebench.target import TargetDefinition


def page(target: str, metrics: str | None = None) -> tuple[PagePlan | None, list[str]]:
    """The page that is planned, and every problem."""
    problems = Problems()
    request = RunRequest("smoke", target, 1, metrics=metrics)
    found = resolve_target(request, Content(), {}, problems)
    return (planned_page(request, found, problems) if found else None), [str(one) for one in problems]


def test_a_folder_says_where_its_page_is() -> None:
    """At the address of the gateway that we start, which is not known yet; nothing where there is no gateway."""
    assert page("reference") == (PagePlan(path="/metrics"), [])
    assert page("direct") == (None, [])
    assert page("reference", "none") == (None, [])
    found, problems = page("reference", "http://127.0.0.1:9100")
    assert found is not None
    assert (found.path, found.at and found.at.port, problems) == ("/metrics", 9100, [])


@pytest.mark.parametrize(
    ("target", "metrics", "expected"),
    [
        ("http://127.0.0.1:8080", "/gw/metrics", ("/gw/metrics", "127.0.0.1:8080")),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9100", ("/metrics", "127.0.0.1:9100")),
        ("http://127.0.0.1:8080", "http://localhost:9100/stats/prometheus", ("/stats/prometheus", "localhost:9100")),
        ("http://[::1]:8080", "/m", ("/m", "[::1]:8080")),
    ],
)
def test_of_a_running_gateway_the_option_says_it(target: str, metrics: str, expected: tuple[str, str]) -> None:
    """A path at its own address, or an address of its own."""
    found, problems = page(target, metrics)
    assert problems == []
    assert found is not None
    assert found.at is not None
    assert (found.path, found.at.host_header()) == expected
    assert page(target) == (None, [])


@pytest.mark.parametrize(
    ("metrics", "word"),
    [
        ("/me trics", "is no path"),
        ("/m\r\nx: y", "is no path"),
        ("metrics", "neither a path nor"),
        ("https://127.0.0.1:1/m", "neither a path nor"),
        ("http://127.0.0.1:1/m?key=secret", "without a query"),
        ("http://u:secret@127.0.0.1:1/m", "holds a password"),
        ("http://192.0.2.1/m", "--allow-remote 192.0.2.1"),
    ],
)
def test_what_is_no_page_is_refused(metrics: str, word: str) -> None:
    """In a sentence that repeats no key."""
    found, problems = page("http://127.0.0.1:8080", metrics)
    assert found is None
    assert word in problems[0]
    assert "secret" not in problems[0]


def test_a_path_is_not_for_a_folder() -> None:
    """Its target.toml says it, and must say a path."""
    assert "is for a gateway that runs already" in page("reference", "/metrics")[1][0]
    with pytest.raises(ValidationError):
        TargetDefinition(description="x", entry="provider-a", metrics="metrics")


@pytest.mark.parametrize(
    ("target", "match", "expected"),
    [
        ("http://127.0.0.1:8080", None, '{instance="127.0.0.1:8080"}'),
        ("http://localhost", None, '{instance="localhost:80"}'),
        ("http://127.0.0.1:8080", '{job="x"}', '{job="x"}'),
        ("reference", '{job="x"}', '{job="x"}'),
    ],
)
def test_a_prometheus_is_asked_for_the_targets_address(
    monkeypatch: pytest.MonkeyPatch, target: str, match: str | None, expected: str
) -> None:
    """As it labels what it scrapes; a selector wins."""
    monkeypatch.setattr(prometheus, "refusal", lambda plan, allowed: None)
    problems = Problems()
    request = RunRequest("smoke", target, 1, prometheus="http://127.0.0.1:9090", prometheus_match=match)
    found = resolve_target(request, Content(), {}, problems)
    assert found is not None
    assert planned_prometheus(request, found, problems) == PrometheusPlan(url="http://127.0.0.1:9090", match=expected)
    assert problems == []


@pytest.mark.parametrize(
    ("asked", "word"),
    [
        ({"prometheus": "127.0.0.1:9090"}, "this is no URL"),
        ({"prometheus": "https://127.0.0.1:9090"}, "without TLS"),
        ({"prometheus": "http://127.0.0.1:9090/prometheus"}, "no path"),
        ({"prometheus_match": "{}"}, "has no Prometheus to ask"),
    ],
)
def test_what_is_no_prometheus_is_refused(asked: dict[str, str], word: str) -> None:
    """Before anybody is asked."""
    problems = Problems()
    request = RunRequest("smoke", "http://127.0.0.1:8080", 1, **asked)  # type: ignore[arg-type]  # by name
    found = resolve_target(request, Content(), {}, problems)
    assert found is not None
    assert planned_prometheus(request, found, problems) is None
    assert word in str(problems[0])
