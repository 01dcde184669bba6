"""Messages, embeddings and REST reads: what is on the wire is what the route says, and what a provider computes too."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, cast

import orjson
import pytest
from pydantic import ValidationError

from gatebench.execution.upstream.embeddings import parse_embeddings
from gatebench.execution.upstream.messages import parse_messages
from gatebench.resource import etag
from gatebench.stamp import fingerprint
from gatebench.traffic import Generator, Traffic, embeddings, messages, mix, rest


def made(raw: Traffic) -> Traffic:
    """Validate what a scenario file would write."""
    return Traffic.model_validate(cast("Any", raw))


def test_every_kind_is_pure() -> None:
    """Two generators agree on every request, in any order; another seed does not."""
    traffic = made(mix(messages(), messages(stream=True), embeddings(batch=2), rest(conditional=0.5)))
    first, second, other = Generator(traffic, 9), Generator(traffic, 9), Generator(traffic, 10)
    backwards = [second.request(n) for n in reversed(range(80))][::-1]
    assert [first.request(n) for n in range(80)] == backwards
    assert [first.request(n) for n in range(80)] != [other.request(n) for n in range(80)]


def test_a_message_is_what_a_strict_provider_takes() -> None:
    """It parses, says what its route says, and its fingerprint is that of its prompt."""
    request = Generator(made(messages(stream=True, prompt_words=12, max_tokens=5)), 1).request(3)
    asked = parse_messages(request.body)
    assert (request.method, request.path, request.headers) == (
        "POST",
        "/v1/messages",
        b"anthropic-version: 2023-06-01\r\n",
    )
    assert (asked.tokens, asked.stream, request.stream) == (5, True, True)
    assert len(asked.prompt.split()) == 13
    assert request.fingerprint == fingerprint(asked.prompt)


@pytest.mark.parametrize("batch", [1, 3])
def test_embeddings_are_what_a_strict_provider_takes(batch: int) -> None:
    """So many texts of so many words; the fingerprint is that of all of them."""
    raw = embeddings(words=7, batch=batch, dimensions=32, encoding_format="base64")
    request = Generator(made(raw), 1).request(3)
    asked = parse_embeddings(request.body)
    assert [len(text.split()) for text in asked.inputs] == [8] * batch
    assert len(set(asked.inputs)) == batch
    assert (asked.dimensions, asked.as_base64) == (32, True)
    assert request.fingerprint == fingerprint(asked.prompt)


@pytest.mark.parametrize("raw", [messages(prompt_words=3), embeddings(words=3), embeddings(words=3, batch=2)])
def test_a_trace_says_how_large_a_body_is(raw: Traffic) -> None:
    """To the byte, where it is more than the words take, and it still parses."""
    request = Generator(made(raw), 1).request(3, size=1500)
    assert len(request.body) == 1500
    assert orjson.loads(request.body)["model"] == "gatebench-small"


class TestRest:
    @pytest.mark.parametrize("skew", [0.0, 0.8, 1.0, 2.0])
    def test_keys_follow_zipfs_law(self, skew: float) -> None:
        """Chi-squared of 20 000 draws over 20 resources lies below the 1 in 10 000 quantile, and not with another skew."""
        generator = Generator(made(rest(resources=20, skew=skew)), 3)
        counts = Counter(int(generator.request(n).path.rsplit("/", 1)[1]) for n in range(20_000))

        def chi2(skew: float) -> float:
            weights = [(rank + 1) ** -skew for rank in range(20)]
            expected = [20_000 * weight / math.fsum(weights) for weight in weights]
            return math.fsum((counts[rank] - expected[rank]) ** 2 / expected[rank] for rank in range(20))

        assert chi2(skew) < 51.0  # chi-squared with 19 degrees of freedom: P(X > 51.0) = 1e-4
        assert chi2(skew + 0.1) > 51.0

    def test_conditional_reads_name_the_tag(self) -> None:
        """A share of them, the tag of the very resource; the rest is unconditional."""
        generator = Generator(made(rest(resources=50, conditional=0.25)), 3)
        requests = [generator.request(n) for n in range(4000)]
        conditional = [request for request in requests if request.headers]
        # Binomial: sqrt(4000 * 0.25 * 0.75) = 27.4
        assert abs(len(conditional) - 1000) < 5 * 27.4
        for request in conditional:
            tag = etag("items", request.path.rsplit("/", 1)[1])
            assert request.headers == f"if-none-match: {tag}\r\n".encode()

    def test_all_or_none(self) -> None:
        """A share of 1 is every request, of 0 none."""
        for share, many in ((1.0, 200), (0.0, 0)):
            generator = Generator(made(rest(conditional=share)), 3)
            assert sum(bool(generator.request(n).headers) for n in range(200)) == many

    def test_a_size_is_part_of_the_name(self) -> None:
        """The route's, or a trace's instead; the tag is that of the resource of this size."""
        generator = Generator(made(rest(resources=1, size=4096, conditional=1.0)), 3)
        own, given = generator.request(1), generator.request(1, size=9000)
        assert (own.path, given.path) == ("/rest/items/0?bytes=4096", "/rest/items/0?bytes=9000")
        assert own.headers == f"if-none-match: {etag('items', '0', 0, 4096)}\r\n".encode()
        assert own.fingerprint == fingerprint(own.path)

    @pytest.mark.parametrize(
        "route", [{"conditional": 1.5}, {"resources": 0}, {"skew": -1}, {"collection": "../x"}, {"size": 3}]
    )
    def test_what_is_refused(self, route: dict[str, Any]) -> None:
        """A share above 1, nothing to read, a skew or a name that is none."""
        with pytest.raises(ValidationError):
            made(rest(**route))
