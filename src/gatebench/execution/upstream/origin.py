"""A plain REST origin: resources with sizes, entity tags and cache lifetimes, and the conditional requests about them.

What they are follows from `gatebench.resource`. The stamp is in every body, so two answers with one entity tag differ by
the stamp and in nothing else; their length is the same.
"""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Final, NamedTuple

from gatebench.execution.upstream import answer
from gatebench.execution.upstream.api import Events, Whole
from gatebench.execution.upstream.chat import Refusal
from gatebench.execution.upstream.connection import MOST_BODY_BYTES, Request
from gatebench.providers import CollectionModel
from gatebench.resource import LEAST_BYTES, MOST_BYTES, PREFIX, changed_s, etag, has_changed, size_bytes

_PATH: Final = re.compile(r"/rest/([a-z][a-z0-9-]{0,40})/(\d{1,10}|[A-Za-z0-9_-]{1,64})")
_SIZE: Final = re.compile(r"bytes=(\d{1,8})")
_TAG: Final = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_BODY: Final = b'{"resource":"%b","version":%d,"padding":"%b","stamp":"%b"}'
_TEXT: Final = base64.b64encode(hashlib.shake_128(b"gatebench padding").digest(48 * 1024)).replace(b"/", b"-")
_SECOND_VERSION_S: Final = 86_400
"""A second version is a day younger than the first."""
_METHODS: Final = (b"GET", b"HEAD", b"PUT", b"DELETE")


class ResourceRequest(NamedTuple):
    """What is wanted of which resource, and under which conditions; `prompt` is what was asked for, as a URL has it."""

    prompt: str
    method: bytes
    collection: str
    key: str
    size: int
    if_none_match: str | None
    if_modified_since: str | None
    model: str = ""
    user: str = ""
    tokens: int = 0
    stream: bool = False


class _Version(NamedTuple):
    """One version of a resource; `exists` is false once it was deleted."""

    number: int
    changed_s: int
    exists: bool


class Origin:
    """GET, HEAD, PUT and DELETE below /rest/. A PUT makes a new version; its body is read and not kept.

    Versions live in this process: where several share a name they could not agree, so that there nothing is written.
    """

    timed = True
    counts_tokens = False
    dialect = None
    refused = staticmethod(answer.error)

    def __init__(self, collections: Mapping[str, CollectionModel], *, writable: bool) -> None:
        self._collections = collections
        self._writable = writable
        self._versions: dict[tuple[str, str], _Version] = {}

    def read(self, request: Request) -> ResourceRequest:
        """Return what is wanted. Raises Refusal (400, 404, 405, 413)."""
        found = _PATH.fullmatch(request.path)
        if found is None or found[1] not in self._collections:
            known = ", ".join(f"{PREFIX}{name}/0" for name in self._collections)
            raise Refusal(404, f"{request.path} is unknown. There is {known}.", code="unknown_url")
        self._check_method(request.method)
        if request.body is None:
            raise Refusal(413, f"The body is larger than {MOST_BODY_BYTES} bytes. Send less.", code="body_too_large")
        size = _SIZE.fullmatch(request.query)
        if request.query and (size is None or not LEAST_BYTES <= int(size[1]) <= MOST_BYTES):
            raise Refusal(400, f"Use bytes=N with N from {LEAST_BYTES} to {MOST_BYTES}.", code="invalid_value")
        headers = request.headers
        tags, since = headers.get(b"if-none-match"), headers.get(b"if-modified-since")
        return ResourceRequest(
            f"{request.path}?{request.query}" if request.query else request.path,
            request.method,
            found[1],
            found[2],
            int(size[1]) if size else 0,
            None if tags is None else tags.decode("latin-1"),
            None if since is None else since.decode("latin-1"),
        )

    def whole(self, asked: ResourceRequest, stamp: bytes, created_s: int, tokens_in: int) -> Whole:
        """Return the resource, that it is unchanged (304), or what became of writing it."""
        version = self._version(asked.collection, asked.key)
        tag = etag(asked.collection, asked.key, version.number, asked.size)
        if asked.method in (b"PUT", b"DELETE"):
            return self._written(asked, version, stamp, tag)
        if not version.exists:
            refusal = Refusal(404, f"{asked.prompt} is not there.", code="not_found")
            return 404, answer.error(stamp, refusal), 0, b""
        model = self._collections[asked.collection]
        lines = (
            f"etag: {tag}\r\nlast-modified: {_date(version.changed_s)}\r\ncache-control: {model.header()}\r\n"
            f"date: {_date(created_s)}\r\n"
        )
        if is_unchanged(tag, version.changed_s, asked.if_none_match, asked.if_modified_since):
            return 304, b"", 0, lines.encode()
        size = asked.size or size_bytes(asked.collection, asked.key, model.size_bytes, model.size_sigma, model.seed)
        body = _body(f"{asked.collection}/{asked.key}", version.number, size, stamp)
        return 200, body, 0, f"content-type: application/json\r\n{lines}".encode()

    def events(self, asked: ResourceRequest, opening: bytes, created_s: int) -> Events:
        """Nothing here is streamed."""
        raise NotImplementedError

    def _check_method(self, method: bytes) -> None:
        allowed = _METHODS if self._writable else _METHODS[:2]
        if method not in allowed:
            why = "" if self._writable else " Several processes serve this name and cannot agree on versions."
            allow = b", ".join(allowed)
            message = f"{method.decode('ascii')} is not allowed here.{why} Use {allow.decode('ascii')}."
            raise Refusal(405, message, code="method_not_allowed", headers=b"allow: %b\r\n" % allow)

    def _version(self, collection: str, key: str) -> _Version:
        written = self._versions.get((collection, key))
        if written is not None:
            return written
        # Only the canonical number names a resource: 7, not 007.
        exists = key.isdecimal() and str(int(key)) == key and int(key) < self._collections[collection].resources
        newer = has_changed(collection, key, self._collections[collection].changed)
        return _Version(int(newer), changed_s(collection, key) + newer * _SECOND_VERSION_S, exists)

    def _written(self, asked: ResourceRequest, version: _Version, stamp: bytes, tag: str) -> Whole:
        """Write a version if its condition holds: a tag that must not be the current one, or `*`: none may be there."""
        tags = asked.if_none_match
        if tags is not None and version.exists and _matches(tag, tags):
            refusal = Refusal(412, f"{asked.prompt} is there already.", code="precondition_failed")
            return 412, answer.error(stamp, refusal), 0, b""
        if asked.method == b"DELETE" and not version.exists:
            return 404, answer.error(stamp, Refusal(404, f"{asked.prompt} is not there.", code="not_found")), 0, b""
        new = _Version(version.number + 1, int(time.time()), asked.method == b"PUT")
        self._versions[asked.collection, asked.key] = new
        lines = "content-type: application/json\r\ncache-control: no-store\r\n"
        if new.exists:
            lines += f"etag: {etag(asked.collection, asked.key, new.number, asked.size)}\r\n"
        body = _BODY % (f"{asked.collection}/{asked.key}".encode(), new.number, b"", stamp)
        return (201 if new.exists and not version.exists else 200), body, 0, lines.encode()


def is_unchanged(tag: str, changed_at_s: int, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Tell whether a GET is answered with 304: by its tags, or without any by its date (RFC 9110, 13.2.2)."""
    if if_none_match is not None:
        return _matches(tag, if_none_match)
    if if_modified_since is None:
        return False
    try:
        return changed_at_s <= parsedate_to_datetime(if_modified_since).timestamp()
    except (ValueError, OverflowError):
        return False  # a date that is none is no condition


def _matches(tag: str, tags: str) -> bool:
    """Compare weakly (RFC 9110, 8.8.3.2): `W/"a"` is `"a"`."""
    return tags.strip() == "*" or tag in _TAG.findall(tags)


def _body(resource: str, version: int, size: int, stamp: bytes) -> bytes:
    """Return a body of exactly `size` bytes, however long its stamp."""
    name = resource.encode()
    lacking = max(0, size - len(_BODY % (name, version, b"", stamp)))
    start = sum(name) % 1024
    padding = (_TEXT[start:] + _TEXT * (lacking // len(_TEXT) + 1))[:lacking]
    return _BODY % (name, version, padding, stamp)


@lru_cache(maxsize=4096)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
