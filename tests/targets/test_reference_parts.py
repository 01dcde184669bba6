"""The small parts of the reference gateway: configuration, headers, errors, metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from targets.reference.refgate.answer import Failure
from targets.reference.refgate.breaker import Breaker, State
from targets.reference.refgate.config import ConfigError, load_config
from targets.reference.refgate.errors import no_answer, rendered
from targets.reference.refgate.failover import GaveUp
from targets.reference.refgate.headers import downward, retry_after_s, upward
from targets.reference.refgate.metrics import Metrics
from targets.reference.refgate.provider import Provider
from targets.reference.refgate.windows import FailureCount


def fields(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    """Return header fields."""
    return CIMultiDictProxy(CIMultiDict(pairs))


def provider(name: str = "provider-a", failures: int = 1) -> Provider:
    """Return a provider."""
    return Provider(name, "http://127.0.0.1:1", Breaker(FailureCount(failures=failures, window_s=1.0), open_s=1.0))


def good_config() -> dict[str, Any]:
    """Return a configuration that is fine."""
    return {
        "host": "127.0.0.1",
        "port": 8080,
        "providers": [{"name": "a", "url": "http://127.0.0.1:1"}, {"name": "b", "url": "http://127.0.0.1:2"}],
        "timeouts": {"connect_s": 1, "attempt_s": 1, "total_s": 1, "idle_s": 1, "body_s": 1},
        "retry": {"retries": 1, "backoff_s": 1, "backoff_cap_s": 1, "budget_ratio": 0.1, "budget_reserve": 1},
        "breaker": {"failures": 1, "window_s": 1, "open_s": 1},
        "drain": {"delay_s": 0, "timeout_s": 1},
        "max_body_bytes": 1,
    }


def test_a_configuration_is_read_in_the_order_it_was_written(tmp_path: Path) -> None:
    """The order of the providers is the order of failover."""
    path = tmp_path / "gateway.json"
    path.write_text(json.dumps(good_config()))
    assert [one.name for one in load_config(path).providers] == ["a", "b"]


def test_every_problem_of_a_configuration_is_told_at_once(tmp_path: Path) -> None:
    """Four mistakes are four lines, each saying where."""
    config = good_config()
    config["providers"][1]["name"] = "a"
    config["breaker"]["failures"] = 0
    config["timeouts"]["attempt_s"] = -1
    config["typo"] = True
    path = tmp_path / "gateway.json"
    path.write_text(json.dumps(config))
    with pytest.raises(ConfigError) as told:
        load_config(path)
    lines = str(told.value).splitlines()
    assert len(lines) == 4
    for where in ("providers: ", "breaker.failures: ", "timeouts.attempt_s: ", "typo: "):
        assert sum(where in line for line in lines) == 1


def test_a_missing_configuration_is_told(tmp_path: Path) -> None:
    """The message names the file and the option."""
    with pytest.raises(ConfigError, match="--config"):
        load_config(tmp_path / "nowhere.json")


def test_end_to_end_fields_go_up() -> None:
    """What belongs to the request reaches the provider; what belongs to the connection does not."""
    up = upward(
        fields(
            ("Host", "gateway"),
            ("Content-Length", "2"),
            ("Connection", "keep-alive, X-Private"),
            ("X-Private", "hop"),
            ("Transfer-Encoding", "chunked"),
            ("TE", "trailers"),
            ("Expect", "100-continue"),
            ("x-request-id", "gb-1"),
            ("X-Gatebench-Tenant", "tenant-1"),
            ("Authorization", "Bearer key"),
            ("Accept-Encoding", "gzip"),
        )
    )
    assert sorted(up) == ["Accept-Encoding", "Authorization", "X-Gatebench-Tenant", "x-request-id"]


def test_repeated_fields_stay_repeated() -> None:
    """Two cookies are set as two."""
    down = downward(fields(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Content-Length", "5"), ("Keep-Alive", "5")))
    assert list(down.items()) == [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("0", 0.0), ("", 0.0), ("-1", 0.0), ("soon", 0.0), ("²", 0.0), ("1.5", 0.0)],
)
def test_retry_after(text: str, seconds: float) -> None:
    """Whole seconds are read; what is not a number of seconds asks for nothing."""
    assert retry_after_s(fields(("Retry-After", text))) == seconds


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Failure("connect"), 502, "provider_failed"),
        (Failure("dropped"), 502, "provider_failed"),
        (Failure("malformed"), 502, "provider_failed"),
        (Failure("status", 500), 502, "provider_failed"),
        (Failure("timeout"), 504, "provider_timeout"),
        (Failure("status", 429), 503, "providers_saturated"),
    ],
)
def test_failures_become_errors_of_openais_shape(failure: Failure, status: int, code: str) -> None:
    """Each failure has its status, and the body is what OpenAI's clients parse."""
    answer = rendered(no_answer(GaveUp((provider(), failure), 0.0)))
    assert answer.status == status
    assert isinstance(answer.text, str)
    error = json.loads(answer.text)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["code"], error["type"]) == (code, "server_error")
    assert str(failure) in error["message"]


@pytest.mark.parametrize(("wait_s", "header"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.01, "2"), (30.0, "30")])
def test_refusal_says_when_to_come_back(wait_s: float, header: str) -> None:
    """With every breaker open the answer is 503 with whole seconds, rounded up, at least one."""
    answer = no_answer(GaveUp(None, wait_s))
    assert answer.status == 503
    assert answer.headers["Retry-After"] == header


def test_metrics_show_the_present_state() -> None:
    """The gauge is read when somebody looks; counters carry provider and outcome."""
    metrics = Metrics()
    one = provider()
    metrics.watch([one])
    metrics.attempt_ended("provider-a", "dropped")
    metrics.breaker_changed("provider-a", State.OPEN)
    metrics.request_ended("ok", 0.004)
    assert 'refgate_breaker_state{provider="provider-a"} 0.0' in metrics.render().decode()
    permit = one.breaker.admit()
    assert permit is not None
    one.breaker.failed(permit)
    lines = metrics.render().decode().splitlines()
    assert 'refgate_breaker_state{provider="provider-a"} 2.0' in lines
    assert 'refgate_attempts_total{outcome="dropped",provider="provider-a"} 1.0' in lines
    assert 'refgate_breaker_changes_total{provider="provider-a",state="open"} 1.0' in lines
    assert 'refgate_requests_total{outcome="ok"} 1.0' in lines
    assert 'refgate_request_seconds_bucket{le="0.005"} 1.0' in lines
    assert 'refgate_request_seconds_bucket{le="0.0025"} 0.0' in lines
