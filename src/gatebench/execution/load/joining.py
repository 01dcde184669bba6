"""How a worker and a master make sure of each other before any load: a shared token, and the same way of working.

Both prove that they know the token without sending it: each answers the other's random number with a keyed hash of both
(RFC 2104). Whoever only listens learns no token, and an answer fits no other exchange. What follows is neither signed
nor secret, so that somebody who can change packets on the way is not kept out: that is what a VPN is for.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from gatebench import guard
from gatebench.plan import Endpoint

# The messages, in Locust's own envelopes. From the worker: JOIN, HELLO, SEATED, MANNED, PONG, ROWS, PROGRESS, OVER.
JOIN: Final = "gatebench-join"
CHALLENGE: Final = "gatebench-challenge"
HELLO: Final = "gatebench-hello"
WELCOME: Final = "gatebench-welcome"
REFUSAL: Final = "gatebench-refusal"
SEATED: Final = "gatebench-seated"
MANNED: Final = "gatebench-manned"
BEGIN: Final = "gatebench-begin"
STOP: Final = "gatebench-stop"
PING: Final = "gatebench-ping"
PONG: Final = "gatebench-pong"
ROWS: Final = "gatebench-rows"
TAKEN: Final = "gatebench-taken"
PROGRESS: Final = "gatebench-progress"
OVER: Final = "gatebench-over"
FAREWELL: Final = "gatebench-farewell"

TOKEN_VARIABLE: Final = "GATEBENCH_JOIN_TOKEN"  # noqa: S105 - the name of the variable, not what it holds
SHORTEST_TOKEN: Final = 16
SILENCE_S: Final = 5.0  # so long without a word, and either side takes the other for gone
TICK_S: Final = 0.5

Side = Literal["master", "worker"]


def new_token() -> str:
    """Return a token for one call of `bench run`."""
    return secrets.token_hex(16)


def new_nonce() -> str:
    """Return a number that is used once."""
    return secrets.token_hex(16)


def proof(token: str, side: Side, worker_nonce: str, master_nonce: str) -> str:
    """Return what shows that `side` knows the token, in this exchange only."""
    return hmac.digest(token.encode(), f"{side} {worker_nonce} {master_nonce}".encode(), "sha256").hex()


def proven(shown: object, token: str, side: Side, worker_nonce: str, master_nonce: str) -> bool:
    """Tell whether `shown` is that proof."""
    wanted = proof(token, side, worker_nonce, master_nonce)
    return isinstance(shown, str) and hmac.compare_digest(shown.encode(), wanted.encode())


@dataclass
class Silence:
    """Counts how long nobody spoke, in ticks of our own.

    Not by the clock: a process that was itself held up finds words of the other waiting, and must read them before it
    complains.
    """

    ticks: int = 0
    _heard: bool = field(default=True, repr=False)

    def hear(self) -> None:
        """Somebody spoke."""
        self._heard = True

    def tick(self) -> bool:
        """Count one tick; tell whether the silence is too long."""
        self.ticks = 0 if self._heard else self.ticks + 1
        self._heard = False
        return self.ticks * TICK_S >= SILENCE_S


def refusal(ours: Mapping[str, Any], theirs: Mapping[str, Any], headers: Sequence[str]) -> str | None:
    """Return why a worker with the facts `theirs` cannot take part, with the cure; None when it can.

    `headers` are the names of the headers that the run sends; their values never travel.
    """
    if theirs.get("gatebench") != ours["gatebench"]:
        return (
            f"The worker runs gatebench {theirs.get('gatebench')} and the run gatebench {ours['gatebench']}. "
            f"Install gatebench {ours['gatebench']} on the worker's machine."
        )
    given = set(theirs.get("headers") or ())
    lacking, surplus = sorted(set(headers) - given), sorted(given - set(headers))
    if lacking:
        options = " ".join(f"--header {name}=env:VARIABLE" for name in lacking)
        return f"The run sends {_named(lacking)}, which the worker was not given. Add {options} to bench worker."
    if surplus:
        return f"The worker was given {_named(surplus)}, which the run does not send. Leave it out of bench worker."
    return None


def obstacle(endpoint: Endpoint, allowed: Iterable[str]) -> str | None:
    """Return why this machine cannot, or may not, send to an endpoint of the run, with the cure; None when it can."""
    if endpoint.unix is not None:
        return "The run sends to a Unix socket, which no other machine reaches. Use --workers alone."
    try:
        guard.resolve(endpoint.host, endpoint.port, allowed)
    except guard.RemoteRefused:
        cure = f"Add --allow-remote {endpoint.host} to bench worker."
        return f"The run sends to {endpoint.host}, which this worker was not allowed. {cure}"
    except OSError as error:
        return f"The run sends to {endpoint.host}, which this worker cannot find: {error.strerror}. Use its address."
    ca = endpoint.tls.ca if endpoint.tls else None
    if ca is not None and not Path(ca).is_file():
        return f"The run trusts the certificates in {ca}, which this machine does not have. Copy the file to the same place."
    return None


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words what makes two places not quite comparable, though they work together."""
    for name in ("locust", "python", "gevent", "architecture"):
        if theirs.get(name) != ours.get(name):
            yield f"{name} {theirs.get(name)} instead of {ours.get(name)}"


def _named(headers: Sequence[str]) -> str:
    return f"the header{'s' if len(headers) > 1 else ''} {', '.join(headers)}"
