"""Looks at a gateway with a few dozen requests: what it passes on, and what it does by itself. No load, and nothing is measured."""

from __future__ import annotations

import itertools
import json
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import httpx
from prometheus_client.parser import text_string_to_metric_families

from gatebench.execution.secrets import Secrets
from gatebench.run.stream import FLUSH_INTERVAL_S, StreamTail
from gatebench.stamp import KINDS, Stamp, find_stamp, find_stamps, format_request_id
from gatebench.target import REQUEST_ID

Answer = Literal["yes", "no", "unknown"]

CHAT: Final = "/v1/chat/completions"
BURST: Final = 60
METRICS: Final = ("/metrics", "/gw/metrics", "/stats/prometheus", "/metrics/")
_STAMP_HEADER: Final = "x-gatebench-stamp"
_TIMEOUT_S: Final = 15.0
_MOST_BYTES: Final = 8_000_000
_OF_THE_WIRE: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
_STREAM_TOKENS: Final = 300
_SPREAD_S: Final = 0.08
"""The least time over which such a stream comes, where our providers take some 0.3 s to write it."""
_AT_ONCE: Final = 20
_ASKED_WHILE_DOWN: Final = 6
_DOWN_MS: Final = 20_000


@dataclass(frozen=True)
class Found:
    """What one question found: `told` is a sentence, `capability` the one that it speaks of."""

    question: str
    answer: Answer
    told: str
    capability: str | None = None


@dataclass(frozen=True)
class Behind:
    """Our providers behind the gateway: the `run` whose ids they know, where they write arrivals down, and how the first one's
    link is cut and healed.
    """

    run: str
    parts: Path
    cut: Callable[[int], object]
    heal: Callable[[], object]


@dataclass
class Look:
    """A gateway at `url`. `headers` go with every request, `user` is how it is asked for the id in a body; `behind` is None where its
    providers are not ours to watch.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    model: str = "gatebench-small"
    metrics: str | None = None
    user: Mapping[str, Any] = field(default_factory=lambda: {"user": REQUEST_ID})
    behind: Behind | None = None
    verify: ssl.SSLContext | bool = True

    def __post_init__(self) -> None:
        self._client = httpx.Client(
            base_url=self.url,
            trust_env=False,
            timeout=_TIMEOUT_S,
            limits=httpx.Limits(max_connections=BURST),
            verify=self.verify,
        )
        self._numbers = itertools.count(int(time.time()) % 1_000_000 * 100)

    def findings(self) -> Iterator[Found]:
        """Yield an answer to every question. Where the gateway does not answer at all, the first says so and the rest is left."""
        with self._client:
            first = self._answers()
            yield first
            if first.answer != "yes":
                return
            yield from self._safely("passes our stamps", lambda: [self._stamps()])
            yield from self._safely("passes ids", self._ids)
            yield self._streams()
            yield from self._safely("answers from a cache", lambda: [self._caches()], "cache")
            yield self._limits()
            yield self._fails_over()
            yield self._metrics()

    @staticmethod
    def _safely(question: str, ask: Callable[[], Iterable[Found]], capability: str | None = None) -> Iterator[Found]:
        """Yield what was found; a request that fails leaves its question open, and the others go on."""
        try:
            yield from ask()
        except httpx.HTTPError as error:
            yield Found(question, "unknown", f"a request ended as {type(error).__name__}", capability)

    def _send(self, method: str, path: str, **words: Any) -> httpx.Response:
        """Return the whole answer, within a time and a size. Raises httpx.HTTPError."""
        with self._client.stream(method, path, **words) as answer:
            body = b"".join(_bounded(answer.iter_bytes()))
        kept = [(name, value) for name, value in answer.headers.multi_items() if name not in _OF_THE_WIRE]
        return httpx.Response(answer.status_code, headers=kept, content=body)

    def _ask(self, content: str, request_id: str = "", **body: Any) -> httpx.Response:
        asked = {"model": self.model, "messages": [{"role": "user", "content": content}], "max_tokens": 8, **body}
        headers = {**self.headers, **({"x-request-id": request_id} if request_id else {})}
        return self._send("POST", CHAT, json=asked, headers=headers)

    def _fresh(self) -> str:
        return f"What is number {next(self._numbers)}?"

    def _answers(self) -> Found:
        question = "answers a chat"
        try:
            answer = self._ask(self._fresh())
        except httpx.HTTPError as error:
            return Found(question, "no", f"POST {CHAT} ended as {type(error).__name__}: {error}")
        if answer.status_code == 200 and b'"choices"' in answer.content:
            return Found(question, "yes", f"POST {CHAT} answered 200")
        return Found(
            question,
            "no",
            f"POST {CHAT} answered {answer.status_code}: {Secrets(dict(self.headers)).left_out_of(answer.text)[:120]!r}",
        )

    def _stamps(self) -> Found:
        question = "passes our stamps"
        answer = self._ask(self._fresh())
        places = [name for name, text in _places(answer).items() if find_stamps(text)]
        if places:
            return Found(question, "yes", f"in {', '.join(places)}: who made an answer is known")
        return Found(
            question, "no", "no answer carries one: these are not our providers, or the gateway writes answers anew"
        )

    def _ids(self) -> Iterator[Found]:
        ways = {"header": "x-request-id", "user": "the body's user"}
        if self.behind is None:
            for where in ways.values():
                yield Found(
                    f"passes ids in {where}",
                    "unknown",
                    "what arrives shows only at providers of ours: probe a target by its name",
                )
            return
        first, kind = next(self._numbers), KINDS.index("load")
        for place, way in enumerate(ways):
            text = format_request_id(self.behind.run, first + place, 0, kind)
            if way == "header":
                self._ask(self._fresh(), request_id=text)
            else:
                self._ask(self._fresh(), **json.loads(json.dumps(self.user).replace(REQUEST_ID, text)))
        deadline = time.monotonic() + FLUSH_INTERVAL_S * 3  # providers write each second, if nothing holds them up
        wanted = {first + place for place in range(len(ways))}
        while not wanted <= (arrived := _arrived(self.behind.parts)) and time.monotonic() < deadline:
            time.sleep(FLUSH_INTERVAL_S / 10)
        for place, where in enumerate(ways.values()):
            came = first + place in arrived
            told = "it reached the provider" if came else "the provider saw no id"
            yield Found(f"passes ids in {where}", "yes" if came else "no", told)

    def _streams(self) -> Found:
        question, body = "streams as it comes", {"stream": True, "max_tokens": _STREAM_TOKENS}
        asked = {"model": self.model, "messages": [{"role": "user", "content": self._fresh()}], **body}
        moments, began, tail = [], time.monotonic(), b""
        try:
            with self._client.stream("POST", CHAT, json=asked, headers=dict(self.headers)) as answer:
                status = answer.status_code
                for part in _bounded(answer.iter_raw()):
                    moments.append(time.monotonic() - began)
                    tail = (tail + part)[-200:]
        except httpx.HTTPError as error:
            return Found(question, "no", f"the stream ended as {type(error).__name__}", "streaming")
        if status != 200 or not moments:
            return Found(question, "no", f"stream=true answered {status}", "streaming")
        end = "with its terminal event" if b"[DONE]" in tail else "without [DONE]"
        told = (
            f"first bytes after {moments[0]:.2f} s, the last after {moments[-1]:.2f} s, in {len(moments)} parts, {end}"
        )
        comes = moments[-1] - moments[0] > _SPREAD_S  # held back, all of it would come at once
        return Found(question, "yes" if comes else "no", told, "streaming")

    def _caches(self) -> Found:
        content = self._fresh()
        answers = [self._ask(content) for _ in range(3)]
        bad = sorted({answer.status_code for answer in answers} - {200})
        if bad:
            return Found(
                "answers from a cache", "unknown", f"equal requests were answered {', '.join(map(str, bad))}", "cache"
            )
        made = [_maker(answer) for answer in answers]
        if None in made:
            return Found(
                "answers from a cache", "unknown", "answers carry no stamp, so nobody can tell who made them", "cache"
            )
        if len(set(made)) == 1:
            return Found("answers from a cache", "yes", "three equal requests have one attempt's answer", "cache")
        return Found(
            "answers from a cache",
            "no",
            "three equal requests were three attempts, at the settings it has now",
            "cache",
        )

    def _limits(self) -> Found:
        question = "limits requests"
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = list(pool.map(self._status, [self._fresh() for _ in range(BURST)]))
        refused = [headers for status, headers in answers if status == 429]
        if refused:
            after = sorted({headers.get("retry-after", "") for headers in refused} - {""})
            told = f"Retry-After {', '.join(after)}" if after else "without Retry-After"
            return Found(question, "yes", f"{len(refused)} of {BURST} requests at once got 429, {told}", "limit")
        others = sorted({status for status, _ in answers} - {200})
        told = f"; other answers: {', '.join(map(str, others))}" if others else ""
        return Found(question, "no", f"{BURST} requests at once got no 429, at the settings it has now{told}", "limit")

    def _status(self, content: str) -> tuple[int, httpx.Headers]:
        try:
            answer = self._ask(content)
        except httpx.HTTPError:
            return 0, httpx.Headers()
        return answer.status_code, answer.headers

    def _fails_over(self) -> Found:
        question = "fails over"
        if self.behind is None:
            return Found(
                question, "unknown", "its providers are not ours to break: probe a target by its name", "failover"
            )
        self.behind.cut(_DOWN_MS)
        try:
            answers = [self._status(self._fresh())[0] for _ in range(_ASKED_WHILE_DOWN)]
        finally:
            self.behind.heal()
        good = answers.count(200)
        told = f"{good} of {_ASKED_WHILE_DOWN} requests were served while the first provider's link was down"
        return Found(question, "yes" if good == _ASKED_WHILE_DOWN else "no", told, "failover")

    def _metrics(self) -> Found:
        for path in (self.metrics,) if self.metrics else METRICS:
            try:
                answer = self._send("GET", path, headers=dict(self.headers))
                families = list(text_string_to_metric_families(answer.text)) if answer.status_code == 200 else []
            except (httpx.HTTPError, ValueError):
                continue
            if families:
                return Found(
                    "exports metrics",
                    "yes",
                    f"{path} has {len(families)} {'family' if len(families) == 1 else 'families'} of Prometheus metrics",
                    "metrics",
                )
        where = self.metrics or ", ".join(METRICS)
        return Found("exports metrics", "no", f"no page of Prometheus metrics at {where}", "metrics")


def _bounded(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the parts of an answer; ReadTimeout when it has no end."""
    began, size = time.monotonic(), 0
    for part in parts:
        size += len(part)
        if size > _MOST_BYTES or time.monotonic() - began > _TIMEOUT_S:
            raise httpx.ReadTimeout(f"no end after {_TIMEOUT_S:g} s or {_MOST_BYTES} bytes")
        yield part


def _places(answer: httpx.Response) -> dict[str, bytes]:
    """Return the places of an answer in which a stamp may be, by name."""
    places = {f"the header {_STAMP_HEADER}": answer.headers.get(_STAMP_HEADER, "").encode()}
    try:
        body = json.loads(answer.content)
    except ValueError:
        return places
    if isinstance(body, dict):
        places |= {name: str(body.get(name, "")).encode() for name in ("id", "system_fingerprint")}
        places["the content"] = json.dumps(body.get("choices", "")).encode()
    return places


def _maker(answer: httpx.Response) -> tuple[str, int] | None:
    """Return which attempt made an answer, by its stamp."""
    stamp: Stamp | None = find_stamp(answer.content)
    if stamp is None:
        stamp = find_stamp(answer.headers.get(_STAMP_HEADER, "").encode())
    return (stamp.provider, stamp.attempt) if stamp is not None else None


def _arrived(parts: Path) -> set[int]:
    """Return the arrival ids that reached a provider."""
    found: set[int] = set()
    for path in parts.glob("attempts-*.arrow"):
        table = StreamTail(path).table
        if table is not None:
            found |= set(table.column("arrival_id").to_pylist())
    return found
