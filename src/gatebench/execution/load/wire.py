"""The bytes of a request: all but its id and its length is formatted once for each route and tenant."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from gatebench import __version__
from gatebench.errors import Problem
from gatebench.execution.secrets import Secrets, default_key
from gatebench.plan import Endpoint
from gatebench.stamp import format_request_id
from gatebench.target import REQUEST_ID
from gatebench.traffic import Request

Carrier = Literal["header", "user", "any", "none"]

TENANT_HEADER: Final = "x-gatebench-tenant"
REQUEST_ID_HEADER: Final = "x-request-id"

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 section 5.6.2
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 section 5.5: no CR, no LF, no NUL
_OURS: Final = frozenset(
    ("connection", "content-length", "expect", "te", "transfer-encoding", "upgrade", REQUEST_ID_HEADER, TENANT_HEADER)
)


def header_problems(headers: Mapping[str, str]) -> list[Problem]:
    """Return what is wrong with extra headers. Their values may be secrets and are never shown."""
    problems = []
    for name, value in headers.items():
        where = f"--header {name!r}"
        if not _NAME.fullmatch(name):
            problems.append(Problem(where, "is not a header name.", "Use letters, digits and hyphens."))
        elif name.lower() in _OURS:
            problems.append(Problem(where, "is written by gatebench itself.", "Leave it out."))
        if not _VALUE.fullmatch(value):
            problems.append(
                Problem(
                    where, "has a value that no header can carry.", "Remove line breaks and characters beyond Latin-1."
                )
            )
    return problems


_USER: Final = b'"user":"%b"'
_MESSAGES_USER: Final = b'"metadata":{"user_id":"%b"}'  # Anthropic's, who refuses fields that it does not know

_HeadKey = tuple[str, str, int, bool, str]
_MOST_HEADS: Final = 4096


class Wire:
    """Writes requests to one endpoint in one run (`token`).

    The endpoint's headers replace the default ones of the same name, whatever their case, and the secrets' both; the secrets' keys
    are the tenants'.
    """

    def __init__(self, endpoint: Endpoint, token: str, carrier: Carrier, secrets: Secrets) -> None:
        self._authority = endpoint.host_header()
        self._prefix = endpoint.prefix
        self._user = _fields(endpoint.user) if endpoint.user else _USER
        self._messages_user = self._user if endpoint.user else _MESSAGES_USER
        self._token = token
        self._carrier = carrier
        self._extra = {
            name.lower(): value for headers in (endpoint.headers, secrets.headers) for name, value in headers.items()
        }
        self._keys = secrets.keys
        self._heads: dict[_HeadKey, bytes] = {}

    def request(self, request: Request, arrival_id: int, ordinal: int, kind: int) -> bytes:
        """Return the whole request as it goes to the socket; the prompt in its body stays untouched."""
        key = (request.method, request.path, request.tenant, request.stream, request.content_type)
        head = self._heads.get(key) or self._head(key)
        body = request.body
        identity = b""
        if self._carrier != "none":
            request_id = format_request_id(self._token, arrival_id, ordinal, kind).encode()
            if self._carrier in ("header", "any"):
                identity = b"x-request-id: %b\r\n" % request_id
            elif body.endswith(b"}"):
                comma = b"" if body == b"{}" else b","
                field = self._messages_user if request.path == "/v1/messages" else self._user
                body = b"%b%b%b}" % (body[:-1], comma, field % request_id)
        length = b"content-length: %d\r\n" % len(body) if body or request.method == "POST" else b""
        if request.keyed:
            identity += b"idempotency-key: gb-%b-%d\r\n" % (self._token.encode(), request.named)
        return b"%b%b%b%b\r\n%b" % (head, request.headers, identity, length, body)

    def _head(self, key: _HeadKey) -> bytes:
        method, path, tenant, stream, content_type = key
        fields = {
            "host": self._authority,
            "user-agent": f"gatebench/{__version__}",
            "accept": "text/event-stream" if stream else "application/json",
            "authorization": f"Bearer {self._keys[tenant] if self._keys else default_key(tenant)}",
            TENANT_HEADER: f"tenant-{tenant}",
        }
        if method == "POST":
            fields["content-type"] = content_type
        fields |= self._extra
        lines = [f"{method} {self._prefix}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), ""]
        head = "\r\n".join(lines).encode("latin-1")
        if len(self._heads) < _MOST_HEADS:
            self._heads[key] = head
        return head


def _fields(user: Mapping[str, Any]) -> bytes:
    """Return the fields of a JSON object as they stand in it, with a gap for the id of a request."""
    text = json.dumps(user, separators=(",", ":"))[1:-1]
    return text.replace("%", "%%").replace(REQUEST_ID, "%b").encode()
