"""Every fault of a provider as OpenAI's own client reports it, without retries of its own: what an application sees.

The table in docs/provider-faults.md is what these tests assert; `PYTHONPATH=src python -m tests.e2e.test_openai_client`
prints it.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

import openai
import pytest

from gatebench.execution.chaos.levers.provider import ProviderLever
from gatebench.faults import Value
from gatebench.plan import PlannedFault
from tests.execution.chaos.planned_fault import planned, shipped_provider_faults
from tests.execution.upstream.running import RUN, TOKEN, Running

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).resolve().parents[2] / "docs" / "provider-faults.md"
PATIENT_S, IMPATIENT_S = 20.0, 0.6
LATE_S = 0.25
MINUTE_NS = 60 * 10**9
ARRIVALS = count(1)
_VARIES = re.compile(r"(?<=column )\d+|(?<=char )\d+|(?<=Used )\d+|\d+(?=ms\.$)")


class Report(NamedTuple):
    """What a call came to: the tokens and the usage that were received, and the exception, if there was one.

    Of an exception: its class, the status, type and code of the provider's error, `retry-after`, its message with N for
    what differs between runs, and the class of its cause.
    """

    tokens: int = 0
    usage: tuple[int, ...] = ()
    error: str = ""
    status: int = 0
    kind: str = ""
    code: str = ""
    retry_after: str = ""
    message: str = ""
    cause: str = ""

    def __str__(self) -> str:
        came = [f"{self.tokens} token{'s' * (self.tokens > 1)}"] if self.tokens else []
        if not self.error:
            return ", ".join([*came, f"usage {' + '.join(map(str, self.usage[:-1]))}, total {self.usage[-1]}"])
        named = " / ".join(f"`{what}`" for what in (self.kind, self.code) if what)
        facts = [str(self.status) if self.status else "", named]
        facts += [f"retry-after {self.retry_after}" if self.retry_after else ""]
        facts += [f"from `{self.cause}`" if self.cause else ""]
        why = ", ".join(filter(None, facts))
        return ", then ".join([*came, f"`{self.error}`{f' ({why})' if why else ''}: {self.message}"])


class Case(NamedTuple):
    """A fault with its parameters, and what the client makes of a completion, a stream of one, and a vector."""

    name: str
    parameters: dict[str, Value]
    whole: Report
    stream: Report
    vector: Report
    least_s: float = 0.0

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{key}={value}" for key, value in self.parameters.items())])


CHAT = Report(4, (3, 4, 7))
VECTOR = Report(0, (3, 3))


def right(name: str, least_s: float = 0.0, **parameters: Value) -> Case:
    """A fault that the client does not notice."""
    return Case(name, parameters, CHAT, CHAT, VECTOR, least_s)


def alike(name: str, report: Report, **parameters: Value) -> Case:
    """A fault that every call reports alike."""
    return Case(name, parameters, report, report, report)


def refused(error: str, status: int, kind: str, message: str, *, code: str = "", retry_after: str = "") -> Report:
    """An answer with an error."""
    said = f"Error code: {status} - {message}"
    return Report(error=error, status=status, kind=kind, message=said, code=code, retry_after=retry_after)


GONE = Report(error="APIConnectionError", message="Connection error.", cause="RemoteProtocolError")
SLOW = Report(error="APITimeoutError", message="Request timed out.", cause="ReadTimeout")
TORN = Report(error="JSONDecodeError", message="Expecting ',' delimiter: line 1 column N (char N)")
QUOTA = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this error, "
    "read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
)
BUSY = refused(
    "InternalServerError", 503, "server_error", "The engine is currently overloaded, please try again later."
)


def rate(retry_after: str, rest: str) -> Report:
    """A 429 for the rate of requests."""
    message = f"Rate limit reached for small on requests per min (RPM).{rest}"
    return refused("RateLimitError", 429, "requests", message, code="rate_limit_exceeded", retry_after=retry_after)


def exhausted(asked: int) -> Report:
    """A 429 for the tokens."""
    message = (
        f"Rate limit reached for small on tokens per min (TPM): Limit 600, Used N, Requested {asked}. "
        "Please try again in Nms."
    )
    return refused("RateLimitError", 429, "tokens", message, code="rate_limit_exceeded", retry_after="1")


CASES = [
    alike("provider-drops", GONE),
    alike("provider-outage", GONE),
    alike("provider-outage", BUSY, status=503),
    alike(
        "provider-errors",
        refused(
            "InternalServerError",
            500,
            "server_error",
            "The server had an error while processing your request. Sorry about that!",
        ),
    ),
    alike("provider-errors", refused("InternalServerError", 502, "server_error", "Bad gateway."), status=502),
    alike("provider-errors", BUSY, status=503),
    alike("provider-errors", refused("InternalServerError", 529, "server_error", "Overloaded"), status=529),
    alike(
        "provider-refuses",
        refused("BadRequestError", 400, "invalid_request_error", "Your request could not be processed."),
    ),
    alike("rate-limited", rate("1", " Please try again in 1s.")),
    alike("rate-limited", rate("", ""), retry_after_s=0.0),
    alike("quota-exceeded", refused("RateLimitError", 429, "insufficient_quota", QUOTA, code="insufficient_quota")),
    Case(
        "tokens-exhausted",
        {"tokens_per_minute": 600},
        exhausted(7),
        exhausted(7),
        exhausted(3),
    ),
    alike("fail-first", BUSY),
    right("slow-first-token", 0.14, delay_ms=150),
    alike("slow-first-token", SLOW, delay_ms=5000),
    right("latency-ramp", 0.14, from_ms=150, to_ms=160),
    Case("stream-stall", {}, SLOW, SLOW._replace(tokens=1), SLOW),
    Case("stream-cut", {}, GONE, GONE._replace(tokens=1), GONE),
    right("stream-unterminated"),
    Case("malformed-answer", {}, TORN, TORN._replace(tokens=1), TORN),
    right("wrong-content-type"),
    Case("wrong-usage", {}, Report(4, (6, 8, 14)), Report(4, (6, 8, 14)), Report(0, (6, 6))),
]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One provider for the module."""
    with Running(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture(scope="module")
def client(provider: Running) -> Iterator[openai.OpenAI]:
    """The real client, which sends nothing twice."""
    with client_of(provider) as made:
        yield made


def client_of(provider: Running, timeout_s: float = PATIENT_S) -> openai.OpenAI:
    """A client of the provider."""
    return openai.OpenAI(
        api_key="none",
        base_url=f"http://127.0.0.1:{provider.port}/v1",
        max_retries=0,
        timeout=timeout_s,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )


def request_id() -> dict[str, str]:
    """A request of its own each time."""
    return {"x-request-id": f"gb-{RUN}-{next(ARRIVALS)}-0-l"}


def whole(client: openai.OpenAI) -> Report:
    """Ask for a completion."""
    said = client.chat.completions.create(
        model="small",
        messages=[{"role": "user", "content": "amber anchor apple"}],
        max_tokens=4,
        extra_headers=request_id(),
    )
    assert said.usage is not None
    tokens = words(said.choices[0].message.content)
    return Report(tokens, (said.usage.prompt_tokens, said.usage.completion_tokens, said.usage.total_tokens))


def stream(client: openai.OpenAI) -> Report:
    """Ask for a stream, and read it to its end."""
    report = Report()
    try:
        for chunk in client.chat.completions.create(
            model="small",
            messages=[{"role": "user", "content": "amber anchor apple"}],
            max_tokens=4,
            stream=True,
            stream_options={"include_usage": True},
            extra_headers=request_id(),
        ):
            if chunk.choices:
                report = report._replace(tokens=report.tokens + words(chunk.choices[0].delta.content))
            if chunk.usage is not None:
                usage = chunk.usage
                report = report._replace(usage=(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens))
    except (openai.OpenAIError, ValueError) as error:
        return explained(error, report.tokens)
    return report


def vector(client: openai.OpenAI) -> Report:
    """Ask for an embedding."""
    said = client.embeddings.create(model="small", input="amber anchor apple", dimensions=4, extra_headers=request_id())
    assert len(said.data[0].embedding) == 4
    return Report(0, (said.usage.prompt_tokens, said.usage.total_tokens))


def words(content: str | None) -> int:
    """How many numbered words there are."""
    return len(re.findall(r"\bw\d+\b", re.sub(r"\S*~\S*", "", content or "")))


def explained(error: Exception, tokens: int = 0) -> Report:
    """What an exception says of itself."""
    message = _VARIES.sub("N", str(error))
    report = Report(tokens, error=type(error).__name__, message=message, cause=type(error.__cause__).__name__)
    if error.__cause__ is None:
        report = report._replace(cause="")
    if isinstance(error, openai.APIStatusError):
        retry_after = error.response.headers.get("retry-after", "")
        report = report._replace(
            status=error.status_code, kind=error.type or "", code=error.code or "", retry_after=retry_after
        )
    return report


def tried(call: Callable[[openai.OpenAI], Report], client: openai.OpenAI) -> Report:
    """What a call came to."""
    try:
        return call(client)
    except (openai.OpenAIError, ValueError) as error:
        return explained(error)


class On:
    """A fault that is on; leave the block and it is off."""

    def __init__(self, provider: Running, fault: PlannedFault, ttl_ns: int = MINUTE_NS) -> None:
        self.lever = ProviderLever(fault, [f"http://127.0.0.1:{provider.port}"], TOKEN)
        self.lever.apply(ttl_ns)

    def __enter__(self) -> On:
        return self

    def __exit__(self, *_: object) -> None:
        self.lever.clear()
        self.lever.close()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_the_client_reports(provider: Running, client: openai.OpenAI, case: Case) -> None:
    """A completion, a stream and a vector, each under the fault anew; and all of them right when it is off."""
    for call, expected in ((whole, case.whole), (stream, case.stream), (vector, case.vector)):
        patient = client.with_options(timeout=IMPATIENT_S if expected.error == SLOW.error else PATIENT_S)
        for _ in range(3):
            with On(provider, planned(case.name, "fault-0", **case.parameters)) as on:
                start = time.monotonic()
                said, took_s = tried(call, patient), time.monotonic() - start
                hits = on.lever.clear().hits
            if said == expected or took_s < LATE_S:  # tokens that were used up come back while a machine stands still
                break
        assert said == expected
        assert case.least_s <= took_s < 5
        assert hits == 1
    assert [tried(call, client) for call in (whole, stream, vector)] == [CHAT, CHAT, VECTOR]


def test_every_shipped_fault_is_there() -> None:
    """None is left out."""
    assert {case.name for case in CASES} == set(shipped_provider_faults())


def test_a_second_attempt_succeeds(provider: Running) -> None:
    """With one retry the client gets past a provider that fails the first attempt of each request."""
    fault = planned("fail-first", "fault-0")
    with On(provider, fault) as on, client_of(provider).with_options(max_retries=1) as client:
        assert [tried(call, client) for call in (whole, stream, vector)] == [CHAT, CHAT, VECTOR]
        assert on.lever.clear().hits == 6


@pytest.mark.parametrize(
    ("name", "call", "attempts"),
    [
        ("stream-stall", whole, 2),
        ("stream-stall", stream, 1),
        ("stream-cut", whole, 2),
        ("stream-cut", stream, 1),
        ("quota-exceeded", whole, 2),
        ("malformed-answer", whole, 1),
        ("malformed-answer", stream, 1),
    ],
)
def test_what_the_client_tries_again(
    provider: Running, name: str, call: Callable[[openai.OpenAI], Report], attempts: int
) -> None:
    """With one retry: whole answers that break and every 429, a quota's too; neither streams that have begun, nor bad JSON."""
    timeout_s = IMPATIENT_S if name == "stream-stall" else PATIENT_S
    fault = planned(name, "fault-0")
    with On(provider, fault) as on, client_of(provider, timeout_s).with_options(max_retries=1) as client:
        assert tried(call, client).error
        assert on.lever.clear().hits == attempts


@pytest.mark.parametrize(("call", "tokens"), [(whole, 0), (stream, 1)])
def test_a_stall_that_ends_before_patience_does(
    provider: Running, call: Callable[[openai.OpenAI], Report], tokens: int
) -> None:
    """A client that would wait longer is told when the fault's time is over: the connection is closed."""
    start = time.monotonic()
    with client_of(provider) as client, On(provider, planned("stream-stall", "fault-0"), 10**9):
        assert tried(call, client) == GONE._replace(tokens=tokens)
        assert 0.95 < time.monotonic() - start < 10


def row(name: str, parameters: dict[str, Value], reports: Sequence[Report]) -> str:
    """A line of the table, which says once what several calls report."""
    settings = "".join(f" {key}={value}" for key, value in parameters.items())
    first, *others = [str(report) for report in reports]
    cells = [f"`{name}`{settings}", first, *("the same" if cell == first else cell for cell in others)]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_page_says_so(case: Case) -> None:
    """docs/provider-faults.md has the line."""
    assert row(case.name, case.parameters, (case.whole, case.stream, case.vector)) in PAGE.read_text().splitlines()


def main() -> None:
    """Ask everything, and print the table of what was reported."""
    sys.stdout.write("| fault | completion | stream | embedding |\n|---|---|---|---|\n")
    with tempfile.TemporaryDirectory() as folder, Running(Path(folder)) as provider, client_of(provider) as client:
        for case in CASES:
            with On(provider, planned(case.name, "fault-0", **case.parameters)):
                impatient = client.with_options(timeout=IMPATIENT_S)
                reports = [tried(call, impatient) for call in (whole, stream, vector)]
            sys.stdout.write(f"{row(case.name, case.parameters, reports)}\n")


if __name__ == "__main__":
    main()
