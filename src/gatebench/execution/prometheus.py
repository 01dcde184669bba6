"""Asks a real Prometheus, over prometheus-api-client: whether it is there before a run, and what it saw when the run is over.

The package follows redirects, reads a proxy and keys from the environment, and waits for ever; the session that it is given here does
none of that, keeps to loopback and the hosts that are allowed, and takes no answer that is larger than it should be.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from functools import cache
from operator import methodcaller
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from urllib3.util.retry import Retry

from gatebench import guard
from gatebench.plan import PrometheusPlan
from gatebench.run.folder import Clock
from gatebench.run.pages import MOST_ROWS, MOST_SERIES

_PROBE_S: Final = 3.0
_ANSWER_S: Final = 5.0
_ALTOGETHER_S: Final = 15.0
_MARGIN_S: Final = 0.5
_MOST_BYTES: Final = 64_000_000
_CHUNK_BYTES: Final = 1 << 16
_STRETCH_S: Final = 600
_STEP: Final = "1s"
_STEPPED_S: Final = 0.5
_LONGEST_REASON: Final = 300


class _Lost(Exception):
    """Why a Prometheus did not say what it was asked."""


class _Session(requests.Session):
    """A session that goes where it is sent and nowhere else, and comes back in time."""

    def __init__(self, answer_s: float, allowed: Collection[str]) -> None:
        super().__init__()
        self.trust_env = False
        self._answer_s, self._allowed = answer_s, allowed

    def request(self, method: str, url: str, **how: Any) -> requests.Response:  # type: ignore[override]  # what the package passes
        """Send a request; the answer is read whole, within a time and a size."""
        parts = urlsplit(url)
        guard.resolve(parts.hostname or "", parts.port or 80, self._allowed)
        until_s = time.monotonic() + self._answer_s
        how |= {"allow_redirects": False, "stream": True, "timeout": self._answer_s}
        answer = super().request(method, url, **how)
        body = bytearray()
        for chunk in answer.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > _MOST_BYTES:
                answer.close()
                raise _Lost(f"its answer is larger than {_MOST_BYTES // 1_000_000} MB")
            if time.monotonic() > until_s:
                answer.close()
                raise requests.Timeout
        answer._content = bytes(body)
        return answer


@cache  # the same question for every scenario and target of a command line
def refusal(plan: PrometheusPlan, allowed: tuple[str, ...]) -> str | None:
    """Return why nothing can be asked of a Prometheus, None when it answers and understands the selector."""
    try:
        found = _answer(plan, allowed, _PROBE_S, methodcaller("custom_query", f"count({plan.match})"))
        return None if isinstance(found, list) else "what answers there is no Prometheus"
    except _Lost as lost:
        return str(lost)


def ask(plan: PrometheusPlan, clock: Clock, allowed: Collection[str], into: Path) -> None:
    """Write what it knows of the time between `load_start_ns` and `load_end_ns` of the clock to `into`: a head, a line a series.

    Never fails for anything that a Prometheus does: the head then says why there is nothing, or not all of it.
    """
    unix_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
    series: dict[str, tuple[dict[str, Any], list[Any]]] = {}
    trouble, why, left_out, held = [], "", 0, 0
    stepped_s = abs((unix_ns - clock.unix_ns) - (monotonic_ns - clock.monotonic_ns)) / 1e9
    address = urlsplit(plan.url).netloc
    if stepped_s > _STEPPED_S:
        trouble.append(
            f"the machine's clock was set during the run, by {stepped_s:.1f} s: the moments of prometheus {address} may be off by that"
        )
    give_up_s = time.monotonic() + _ALTOGETHER_S
    try:
        for start, end in _stretches(clock):
            if time.monotonic() > give_up_s:
                raise _Lost(f"it took longer than {_ALTOGETHER_S:g} s")
            wanted = methodcaller("custom_query_range", plan.match, start, end, _STEP)
            found = _answer(plan, allowed, _ANSWER_S, wanted)
            for one in found:
                key = json.dumps(one["metric"], sort_keys=True)
                if key not in series and len(series) == MOST_SERIES:
                    left_out += 1
                    continue
                held += len(one["values"])
                if held > MOST_ROWS:
                    raise _Lost(f"it has more than {MOST_ROWS} values: the rest was not asked for")
                series.setdefault(key, (one["metric"], []))[1].extend(one["values"])
    except _Lost as lost:
        why = str(lost)
    except (KeyError, TypeError, AttributeError, RecursionError):
        why = "its answer cannot be read"
    if left_out:
        trouble.append(
            f"prometheus {address} knows more than {MOST_SERIES} series of {plan.match}: {left_out} were left out"
        )
    head = {"address": address, "asked": plan.match, "unix_ns": unix_ns, "monotonic_ns": monotonic_ns}
    lines = [head | {"why": why, "trouble": trouble}, *series.values()]
    into.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _stretches(clock: Clock) -> Iterator[tuple[datetime, datetime]]:
    """Yield the run's window in parts: a Prometheus answers with at most 11 000 points of a series."""
    zero_ns = clock.unix_ns - clock.monotonic_ns
    if clock.load_start_ns is None or clock.load_end_ns is None:
        return
    start, end = -(-(clock.load_start_ns + zero_ns) // 10**9), (clock.load_end_ns + zero_ns) // 10**9
    for first in range(start, end + 1, _STRETCH_S):
        last = min(first + _STRETCH_S - 1, end)
        yield datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)


def _answer(plan: PrometheusPlan, allowed: Collection[str], within_s: float, asking: Callable[[Any], Any]) -> Any:
    """Return what it answers; _Lost says in words why it does not."""
    from prometheus_api_client.exceptions import PrometheusApiClientException
    from prometheus_api_client.prometheus_connect import PrometheusConnect

    with _Session(within_s, allowed) as session:
        api = PrometheusConnect(plan.url, session=session, retry=Retry(total=0))
        try:
            return _within(within_s + _MARGIN_S, lambda: asking(api))
        except PrometheusApiClientException as error:
            raise _Lost(f"it refuses {plan.match}: {_reason(str(error))}") from error
        except guard.RemoteRefused as error:
            raise _Lost("its address is not allowed") from error
        except requests.Timeout as error:
            raise _Lost(f"it did not answer within {within_s:g} s") from error
        except requests.ConnectionError as error:
            raise _Lost("nobody answers there") from error
        except (requests.RequestException, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise _Lost("what answers there is no Prometheus") from error


def _within(most_s: float, asking: Callable[[], Any]) -> Any:
    """Return or raise what `asking` does; requests.Timeout when it takes longer, which a server that dribbles can make it."""
    done: list[Any] = []
    raised: list[Exception] = []

    def work() -> None:
        try:
            done.append(asking())
        except Exception as error:  # raised below, where somebody looks
            raised.append(error)

    worker = threading.Thread(target=work, name="asks a Prometheus", daemon=True)
    worker.start()
    worker.join(most_s)
    if raised:
        raise raised[0]
    if not done:
        raise requests.Timeout
    return done[0]


def _reason(text: str) -> str:
    """Return what a Prometheus says of a query that it does not take; the package wraps its JSON in a sentence."""
    _, found, rest = text.partition('"error":"')
    said = rest.rpartition('"')[0] if found else text
    return said.replace("\\\\", "\\").replace('\\"', '"')[:_LONGEST_REASON]
