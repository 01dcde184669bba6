"""Locust's worker runner as we use it: it proves that it belongs to the run, answers for its clock, and notices silence."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import locust.runners
from gevent.event import AsyncResult
from locust.env import Environment

from gatebench.execution.load.joining import (
    CHALLENGE,
    HELLO,
    JOIN,
    PING,
    PONG,
    REFUSAL,
    WELCOME,
    Silence,
    new_nonce,
    proof,
    proven,
)

_PATIENCE_S: Final = 30.0


class NotAdmitted(Exception):
    """The master does not want this worker, or is not the one that it says it is."""


class Guest(locust.runners.WorkerRunner):  # type: ignore[misc]  # the type checker does not follow Locust
    """A worker at a master of ours. Making one connects, and waits as long as Locust's own settings say."""

    def __init__(self, environment: Environment, master_host: str, master_port: int) -> None:
        self.silence = Silence()
        super().__init__(environment, master_host, master_port)
        environment.runner = self
        self.register_message(PING, self._answer)

    def handle_message(self, msg: Any) -> None:
        """Note that the master lives, then do what Locust does."""
        self.silence.hear()
        super().handle_message(msg)

    def enter(self, token: str, facts: Mapping[str, Any], within_s: float = _PATIENCE_S) -> dict[str, Any]:
        """Show each other the token, say who we are, and return the master's welcome.

        Raises NotAdmitted with the reason in a sentence.
        """
        challenge, answer = AsyncResult(), AsyncResult()
        self.register_message(CHALLENGE, lambda msg, **_: challenge.set(msg.data))
        self.register_message(WELCOME, lambda msg, **_: answer.set((True, msg.data)))
        self.register_message(REFUSAL, lambda msg, **_: answer.set((False, msg.data)))
        nonce = new_nonce()
        self.send_message(JOIN, {"nonce": nonce})
        asked = challenge.wait(within_s)
        if not isinstance(asked, dict):
            raise NotAdmitted(
                f"Whoever listens there is no master of bench run: it said nothing within {within_s:g} s."
            )
        if not proven(asked.get("proof"), token, "master", nonce, str(asked.get("nonce"))):
            raise NotAdmitted(
                "The master does not know the token of this worker. Copy the line that bench run printed."
            )
        shown = proof(token, "worker", nonce, str(asked["nonce"]))
        self.send_message(HELLO, {"proof": shown, "facts": dict(facts)})
        said = answer.wait(within_s)
        if said is None:
            raise NotAdmitted(f"The master did not answer within {within_s:g} s.")
        welcome, data = said
        if not welcome:
            raise NotAdmitted(str(data.get("why")))
        return dict(data)

    def _answer(self, msg: Any, **_: Any) -> None:
        heard_ns = time.monotonic_ns()
        data = {**msg.data, "heard_ns": heard_ns, "answered_ns": 0}
        data["answered_ns"] = time.monotonic_ns()
        self.send_message(PONG, data)
