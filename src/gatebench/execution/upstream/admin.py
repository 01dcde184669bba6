"""The control API of a provider: its state, its faults, its ledger. A function from a request to what is answered."""

from __future__ import annotations

import hmac
import os
import re
import signal
from collections.abc import Callable
from typing import Any, NoReturn

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gatebench.execution.upstream.active import ActiveFaults
from gatebench.execution.upstream.config import sentences
from gatebench.execution.upstream.connection import Request
from gatebench.execution.upstream.faults.contract import Fault
from gatebench.execution.upstream.ledger import Ledger

PREFIX = "/__gatebench__/"
_LONGEST_TTL_NS = 24 * 3600 * 10**9
_OUR_HOST = re.compile(rb"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)

_KNOWN = "use GET state, GET payload, PUT or DELETE faults/ID, POST flush, or POST die"
_MOST_PAYLOAD_BYTES = 2**20

Reply = tuple[int, dict[str, Any]]


class FaultOrder(BaseModel):
    """What somebody wants switched on. `ttl_ns` is when it ends by itself, nanoseconds from now; at most a day."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    mechanism: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    ttl_ns: int = Field(gt=0, le=_LONGEST_TTL_NS)


class Admin:
    """Answers control requests for the provider `name`; `clock` gives nanoseconds of the monotonic clock."""

    def __init__(
        self,
        *,
        name: str,
        token: str,
        ledger: Ledger,
        faults: ActiveFaults,
        mechanisms: dict[str, type[Fault]],
        clock: Callable[[], int],
    ) -> None:
        self._name = name
        self._token = token.encode()
        self._ledger = ledger
        self._faults = faults
        self._mechanisms = mechanisms
        self._clock = clock

    def reply(self, request: Request) -> Reply:
        """Return the status and the JSON object that answer a request below PREFIX."""
        headers = request.headers
        if not _OUR_HOST.fullmatch(headers.get(b"host", b"")):
            return _problems(403, "the Host header is not this machine's; use 127.0.0.1, localhost or [::1]")
        if not hmac.compare_digest(headers.get(b"x-gatebench-token", b""), self._token):
            return _problems(401, "the x-gatebench-token header is missing or wrong; send the provider's admin_token")
        return self._allowed(request)

    def _allowed(self, request: Request) -> Reply:
        method = request.method.decode("ascii")
        match method, *request.path.removeprefix(PREFIX).split("/"):
            case "GET", "state":
                return 200, self._state()
            case "POST", "flush":
                self._ledger.flush()
                return 200, {"flushed_ns": self._clock(), "ledger_rows": self._ledger.rows}
            case "POST", "die":
                self._die()
            case "PUT", "faults", id_ if id_:
                return self._put(id_, request.body or b"")
            case "DELETE", "faults", id_ if id_:
                cleared = self._faults.clear(id_, self._clock())
                return 200, {"cleared_ns": cleared.cleared_ns, "was_active": cleared.was_active, "hits": cleared.hits}
            case "GET", "payload":
                return _payload(request.query)
        return _problems(404, f"{method} {request.path} is unknown; {_KNOWN}")

    def _die(self) -> NoReturn:
        """End as by SIGKILL, in the middle of everything, with the books closed: what is in flight is written down as such."""
        self._ledger.close()
        os.kill(os.getpid(), signal.SIGKILL)
        raise SystemExit  # not reached

    def _state(self) -> dict[str, Any]:
        return {
            "name": self._name,
            "attempts": self._ledger.attempts,
            "in_flight": self._ledger.in_flight,
            "faults": [
                {
                    "id": active.id,
                    "mechanism": active.mechanism,
                    "since_ns": active.since_ns,
                    "expires_ns": active.expires_ns,
                    "hits": active.hits,
                }
                for active in self._faults.on(self._clock())
            ],
            "ledger_rows": self._ledger.rows,
        }

    def _put(self, id_: str, body: bytes) -> Reply:
        problems: list[str] = []
        if id_ not in self._faults.ids:
            planned = ", ".join(self._faults.ids) or "none"
            problems.append(f'"{id_}" is not a fault of this run\'s plan; the ledger knows {planned}')
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return _problems(400, *problems, f'the body is not JSON ({error}); send {{"mechanism": …, "ttl_ns": …}}')
        fault = self._fault(asked, problems)
        try:
            order = FaultOrder.model_validate(asked)
        except ValidationError as error:
            return _problems(400, *problems, *sentences(error))
        if problems or fault is None:
            return _problems(400, *problems)
        active = self._faults.put(id_, order.mechanism, fault, acknowledged_ns := self._clock(), order.ttl_ns)
        return 200, {"acknowledged_ns": acknowledged_ns, "expires_ns": active.expires_ns}

    def _fault(self, asked: Any, problems: list[str]) -> Fault | None:
        """Return the fault that `asked` describes; say what is wrong with its mechanism or its parameters."""
        mechanism = asked.get("mechanism") if isinstance(asked, dict) else None
        if not isinstance(mechanism, str):
            return None
        if mechanism not in self._mechanisms:
            problems.append(f'"{mechanism}" is not a mechanism of a provider; use one of {", ".join(self._mechanisms)}')
            return None
        parameters = asked.get("parameters", {})
        try:
            return self._mechanisms[mechanism].model_validate(parameters) if isinstance(parameters, dict) else None
        except ValidationError as error:
            problems += [f"parameters: {text}" for text in sentences(error)]
            return None


def _payload(query: str) -> Reply:
    """Return as many bytes as are asked for, give or take a frame: what a canary needs to measure a rate."""
    size = re.fullmatch(r"bytes=(\d{1,7})", query)
    if size is None or int(size[1]) > _MOST_PAYLOAD_BYTES:
        return _problems(400, f'the query "{query}" is not a size; use bytes=N with N up to {_MOST_PAYLOAD_BYTES}')
    return 200, {"payload": "x" * int(size[1])}


def _problems(status: int, *problems: str) -> Reply:
    return status, {"problems": list(problems)}
