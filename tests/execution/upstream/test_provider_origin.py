"""A REST origin: what a resource is, what its tags decide, what a write changes. On real sockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import pytest

from gatebench.execution.upstream.origin import is_unchanged
from gatebench.providers import CollectionModel
from gatebench.resource import LEAST_BYTES, changed_s, etag, has_changed, size_bytes
from gatebench.sample import COMPLETED, FAILED
from gatebench.stamp import find_stamp, fingerprint
from tests.execution.upstream.serving import Rig

TAG = etag("items", "7")


class Answer:
    """One answer, taken apart."""

    def __init__(self, raw: bytes) -> None:
        head, _, self.body = raw.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = dict(line.split(": ", 1) for line in lines)


def get(path: str = "/rest/items/7", method: str = "GET", **headers: str) -> bytes:
    """A request that asks for the connection to be closed after its answer."""
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{lines}\r\n".encode()


def asked(rig: Rig, *requests: bytes) -> list[Answer]:
    """The answers to requests, one after the other."""

    async def ask(rig: Rig) -> list[Answer]:
        return [Answer(await rig.ask(request)) for request in requests]

    test: Callable[[Rig], Awaitable[list[Answer]]] = ask
    return rig.run(test)


def test_a_resource(tmp_path: Path) -> None:
    """Its size, its strong tag, its date, its lifetime, its stamp in header and body, and its row."""
    rig = Rig(tmp_path)
    (answer,) = asked(rig, get(x_gatebench_tenant="tenant-1"))
    model = CollectionModel()
    assert answer.status == 200
    assert len(answer.body) == size_bytes("items", "7", model.size_bytes, model.size_sigma, 0)
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["etag"] == TAG
    assert answer.headers["last-modified"] == formatdate(changed_s("items", "7"), usegmt=True)
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert "date" in answer.headers
    stamp = find_stamp(answer.body)
    assert stamp == find_stamp(answer.headers["x-gatebench-stamp"].encode())
    assert stamp is not None
    assert (stamp.tenant, stamp.fingerprint) == ("tenant-1", fingerprint("/rest/items/7"))
    assert orjson.loads(answer.body)["resource"] == "items/7"
    (row,) = rig.rows
    assert (row["status"], row["end"], row["fingerprint"], row["tokens_in"]) == (200, COMPLETED, stamp.fingerprint, 0)


def test_the_size_asked_for_is_exact(tmp_path: Path) -> None:
    """To the byte, whatever the stamp takes; it is another resource with another tag."""
    sizes = (LEAST_BYTES, 513, 2000, 70_000, 200_001)
    answers = asked(Rig(tmp_path), *(get(f"/rest/items/7?bytes={size}") for size in sizes))
    assert [len(answer.body) for answer in answers] == list(sizes)
    assert len({answer.headers["etag"] for answer in answers} | {TAG}) == len(sizes) + 1


def test_sizes_follow_their_distribution() -> None:
    """Half of a thousand resources are smaller than the median, within five standard deviations; sigma 0 is the median."""
    sizes = [size_bytes("items", str(key), 10_000, 0.5, 0) for key in range(1000)]
    assert abs(sum(size < 10_000 for size in sizes) - 500) < 5 * 16
    assert median(sizes) == pytest.approx(10_000, rel=0.1)
    assert size_bytes("items", "7", 10_000, 0, 0) == 10_000
    assert size_bytes("items", "7", 10_000, 0.5, 1) != size_bytes("items", "7", 10_000, 0.5, 0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_none_match": TAG}, 304),
        ({"if_none_match": f"W/{TAG}"}, 304),  # compared weakly
        ({"if_none_match": f'"other", {TAG}'}, 304),
        ({"if_none_match": f'"a,b",{TAG}'}, 304),  # a comma may stand within a tag
        ({"if_none_match": "*"}, 304),
        ({"if_none_match": '"other"'}, 200),
        ({"if_none_match": TAG.strip('"')}, 200),  # no tag without its quotes
        ({"if_modified_since": formatdate(changed_s("items", "7"), usegmt=True)}, 304),
        ({"if_modified_since": formatdate(changed_s("items", "7") - 1, usegmt=True)}, 200),
        ({"if_modified_since": "yesterday"}, 200),
        ({"if_none_match": '"other"', "if_modified_since": formatdate(2**31, usegmt=True)}, 200),  # tags go first
    ],
)
def test_conditions(tmp_path: Path, headers: dict[str, str], status: int) -> None:
    """Unchanged is 304, without a body or a length, with tag, lifetime and stamp; the row is a completed attempt."""
    rig = Rig(tmp_path)
    (answer,) = asked(rig, get(**headers))
    assert answer.status == status
    assert (answer.body == b"", "content-length" in answer.headers) == (status == 304, status == 200)
    assert (answer.headers["etag"], answer.headers["cache-control"]) == (TAG, "public, max-age=60")
    assert find_stamp(answer.headers["x-gatebench-stamp"].encode()) is not None
    assert [(row["status"], row["end"]) for row in rig.rows] == [(status, COMPLETED)]


def test_a_date_too_far_away_is_no_condition() -> None:
    """Whatever a caller writes there."""
    assert not is_unchanged(TAG, 0, None, "Mon, 01 Jan 99999 00:00:00 GMT")


def test_what_has_changed_is_sent_to_whoever_holds_the_first_version(tmp_path: Path) -> None:
    """Of a collection that has changed by half about half the resources have another tag, and none of these is a 304."""
    rig = Rig(tmp_path, rest={"items": {"changed": 0.5}})
    paths = [f"/rest/items/{number}" for number in range(100)]
    tags = [etag("items", str(number)) for number in range(100)]
    answers = asked(rig, *(get(path, if_none_match=tag) for path, tag in zip(paths, tags, strict=True)))
    changed = [has_changed("items", str(number), 0.5) for number in range(100)]
    assert [answer.status for answer in answers] == [200 if newer else 304 for newer in changed]
    assert [answer.headers["etag"] != tag for answer, tag in zip(answers, tags, strict=True)] == changed
    assert 35 < sum(changed) < 65
    assert not any(has_changed("items", str(number), 0.0) for number in range(100))
    assert all(has_changed("items", str(number), 1.0) for number in range(100))


def test_head_is_get_without_the_body(tmp_path: Path) -> None:
    """The same headers, the same length."""
    whole, head = asked(Rig(tmp_path), get(), get(method="HEAD"))
    assert head.body == b""
    same = ("content-length", "etag", "last-modified", "cache-control")
    assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]


def test_a_write_makes_a_new_version(tmp_path: Path) -> None:
    """PUT changes the tag, so that what held before does not; DELETE takes the resource away, and PUT brings it back."""
    put, delete = get(method="PUT"), get(method="DELETE")
    answers = asked(
        Rig(tmp_path),
        put,
        get(if_none_match=TAG),
        get(),
        delete,
        get(),
        delete,
        put,
        get(method="PUT", if_none_match="*"),
    )
    assert [answer.status for answer in answers] == [200, 200, 200, 200, 404, 404, 201, 412]
    assert answers[0].headers["etag"] == answers[2].headers["etag"] == etag("items", "7", 1)
    assert orjson.loads(answers[2].body)["version"] == 1
    assert all(find_stamp(answer.body) is not None for answer in answers)


def test_several_processes_write_nothing(tmp_path: Path) -> None:
    """They could not agree on what is there."""
    rig = Rig(tmp_path, processes=2, admin_port=0)
    put, read = asked(rig, get(method="PUT"), get())
    assert (put.status, put.headers["allow"], read.status) == (405, "GET, HEAD", 200)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rest/items/99", 200),
        ("/rest/items/100", 404),  # there are a hundred, from 0
        ("/rest/items/007", 404),
        ("/rest/items/apple", 404),
        ("/rest/others/1", 404),
        ("/rest/items/", 404),
        ("/rest/items/1/2", 404),
        ("/rest/items/1?bytes=3", 400),
        ("/rest/items/1?bytes=99999999", 400),
        ("/rest/items/1?page=2", 400),
    ],
)
def test_what_is_there(tmp_path: Path, path: str, status: int) -> None:
    """What is not is refused with a sentence, a stamp, and a row."""
    rig = Rig(tmp_path, rest={"items": {"resources": 100}})
    (answer,) = asked(rig, get(path))
    assert answer.status == status
    assert find_stamp(answer.body) is not None
    assert [(row["status"], row["end"]) for row in rig.rows] == [(status, COMPLETED if status == 200 else FAILED)]


@pytest.mark.parametrize(
    ("model", "header"),
    [
        ({}, "public, max-age=60"),
        (
            {"s_maxage_s": 5, "stale_while_revalidate_s": 30},
            "public, max-age=60, s-maxage=5, stale-while-revalidate=30",
        ),
        ({"stale_if_error_s": 20}, "public, max-age=60, stale-if-error=20"),
        ({"max_age_s": None}, "no-store"),
        ({"cache_control": "private, max-age=1"}, "private, max-age=1"),
    ],
)
def test_what_caches_are_told(model: dict[str, Any], header: str) -> None:
    """Each collection has its own lifetime."""
    assert CollectionModel.model_validate(model).header() == header
