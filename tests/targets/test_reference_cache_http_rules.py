"""The rules of HTTP that the reference gateway's cache follows: RFC 9111, RFC 5861, and the conditions of RFC 9110."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from targets.reference.refgate.answer import Whole
from targets.reference.refgate.cache.conditional import not_modified, unchanged
from targets.reference.refgate.cache.directives import directives, seconds
from targets.reference.refgate.cache.entry import Lifetime
from targets.reference.refgate.cache.http_rules import keepable, lifetime, varies

TAG = '"v0"'


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["public, max-age=60"], {"public": "", "max-age": "60"}),
        (["MAX-AGE=1", "max-age=2"], {"max-age": "1"}),
        (['private="set-cookie, x", no-store'], {"private": "set-cookie, x", "no-store": ""}),
        ([" , max-age = 5 ,"], {"max-age": "5"}),
        ([""], {}),
    ],
)
def test_cache_control_is_read(values: list[str], said: dict[str, str]) -> None:
    """Names in any case, quoted values, empty elements; the first of two counts."""
    assert directives(values) == said


@pytest.mark.parametrize(("text", "value"), [("5", 5.0), ("-5", 0.0), ("soon", 0.0), ("", 0.0), ("1.5", 0.0)])
def test_an_age_that_is_none_is_stale_at_once(text: str, value: float) -> None:
    """As RFC 9111, section 4.2.1, advises; a directive that is not there is None."""
    assert seconds({"max-age": text}, "max-age") == value
    assert seconds({}, "max-age") is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, (7, 1, 2)),
        ({"Cache-Control": "max-age=60"}, (60, 1, 2)),
        ({"Cache-Control": "max-age=60, s-maxage=5"}, (5, 0, 0)),
        ({"Cache-Control": "s-maxage=5, stale-while-revalidate=3"}, (5, 3, 0)),
        ({"Cache-Control": "max-age=60, stale-while-revalidate=3, stale-if-error=4"}, (60, 3, 4)),
        ({"Cache-Control": "max-age=60, stale-while-revalidate=3, must-revalidate"}, (60, 0, 0)),
        ({"Cache-Control": "no-cache, max-age=60"}, (0, 0, 0)),
        ({"Expires": "Thu, 01 Jan 1970 00:20:00 GMT"}, (200, 1, 2)),  # 1200 s of the epoch; it is 1000
        ({"Expires": "Thu, 01 Jan 1970 00:20:00 GMT", "Date": "Thu, 01 Jan 1970 00:19:00 GMT"}, (60, 1, 2)),
        ({"Expires": "0"}, (0, 1, 2)),
        ({"Expires": "Thu, 01 Jan 1970 00:20:00 GMT", "Cache-Control": "max-age=1"}, (1, 1, 2)),
    ],
)
def test_how_long_an_answer_is_good(headers: dict[str, str], expected: tuple[float, float, float]) -> None:
    """What the origin says goes before the defaults of 7, 1 and 2 seconds."""
    life = lifetime(Whole(200, CIMultiDict(headers), b""), Lifetime(7, 1, 2), 1000.0)
    assert (life.fresh_s, life.revalidate_s, life.error_s) == expected


@pytest.mark.parametrize(
    ("said", "asked", "may"),
    [
        ({}, {}, True),
        ({"Cache-Control": "private, max-age=60"}, {}, False),
        ({"Cache-Control": "no-store"}, {}, False),
        ({"Vary": "Accept, *"}, {}, False),
        ({"Cache-Control": "max-age=60"}, {"Authorization": "Bearer k"}, False),
        ({"Cache-Control": "public, max-age=60"}, {"Authorization": "Bearer k"}, True),
        ({"Cache-Control": "s-maxage=60"}, {"Authorization": "Bearer k"}, True),
    ],
)
def test_what_a_shared_cache_may_keep(said: dict[str, str], asked: dict[str, str], may: bool) -> None:
    """RFC 9111, section 3, with what is asked for with a key (3.5)."""
    assert keepable(Whole(200, CIMultiDict(said), b""), CIMultiDict(asked)) is may


def test_errors_are_not_kept() -> None:
    """Not even with a lifetime."""
    assert not keepable(Whole(404, CIMultiDict({"Cache-Control": "max-age=60"}), b""), CIMultiDict())


def test_vary_is_read() -> None:
    """All fields, any case, in order."""
    assert varies(CIMultiDict([("Vary", "Accept, X-B"), ("vary", "x-a")])) == ("accept", "x-a", "x-b")


@pytest.mark.parametrize(
    ("asked", "is_unchanged"),
    [
        ({"If-None-Match": TAG}, True),
        ({"If-None-Match": f'"a", W/{TAG}'}, True),
        ({"If-None-Match": "*"}, True),
        ({"If-None-Match": '"v1"'}, False),
        ({"If-None-Match": '"v1"', "If-Modified-Since": "Sat, 01 Jan 2022 00:00:00 GMT"}, False),
        ({"If-Modified-Since": "Sat, 01 Jan 2022 00:00:00 GMT"}, True),
        ({"If-Modified-Since": "Wed, 01 Jan 2020 00:00:00 GMT"}, False),
        ({"If-Modified-Since": "soon"}, False),
        ({}, False),
    ],
)
def test_conditions_of_clients(asked: dict[str, str], is_unchanged: bool) -> None:
    """Tags are compared weakly and go before dates; a date that is none is no condition."""
    answer = Whole(200, CIMultiDict({"ETag": TAG, "Last-Modified": "Fri, 01 Jan 2021 00:00:00 GMT"}), b"x")
    assert unchanged(answer, CIMultiDict(asked)) is is_unchanged


def test_not_modified_says_what_it_must() -> None:
    """The fields that a client updates its copy by, and no body."""
    fields = CIMultiDict({"ETag": TAG, "Content-Type": "a/b", "Age": "1", "X-Cache": "HIT", "Cache-Control": "public"})
    answer = not_modified(Whole(200, fields, b"x"))
    assert (answer.status, answer.body) == (304, b"")
    assert sorted(answer.headers) == ["Age", "Cache-Control", "ETag", "X-Cache"]
