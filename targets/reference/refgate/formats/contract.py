"""What a provider's format does: it turns a chat request into its own, and its answers into chat completions."""

from __future__ import annotations

from typing import Any, Protocol

from multidict import CIMultiDict

from ..answer import Outgoing, Whole

CHAT = "/v1/chat/completions"


class Untranslatable(Exception):
    """The request asks for something that this provider's API cannot say; `param` names the field."""

    def __init__(self, param: str, message: str) -> None:
        self.param = param
        super().__init__(message)


class Events(Protocol):
    """Turns the events of one stream into chunks of a chat completion."""

    def feed(self, data: bytes) -> bytes:
        """Return what `data`, cut wherever it may be, becomes; empty while no event is complete."""


class Format(Protocol):
    """One API. What is no chat request is passed on as it is."""

    def request(self, outgoing: Outgoing, chat: dict[str, Any]) -> Outgoing:
        """Return the request that asks a provider for the completion `chat`. Raises Untranslatable."""

    def answer(self, chat: dict[str, Any], answer: Whole) -> Whole:
        """Return the provider's whole answer, a completion or an error, in OpenAI's shape."""

    def events(self, chat: dict[str, Any]) -> Events:
        """Return the translator of one stream."""


def is_chat(outgoing: Outgoing) -> bool:
    """Tell whether a request is one for a chat completion."""
    return outgoing.method == "POST" and outgoing.path.partition("?")[0] == CHAT


def as_json(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Return the fields of an answer whose body was written anew: JSON that nobody has encoded."""
    fields = headers.copy()
    for name in ("Content-Type", "Content-Encoding", "ETag"):
        fields.popall(name, None)
    fields["Content-Type"] = "application/json"
    return fields
