"""What a request to Anthropic's Messages API asks for, checked as strictly as the real one does.

https://docs.anthropic.com/en/api/messages: `max_tokens` is required, fields that it does not know are refused.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gatebench.execution.upstream.chat import MOST_TOKENS, field, json_object, refuse

_KNOWN: Final = frozenset(
    (
        "cache_control", "container", "context_management", "inference_geo", "max_tokens", "mcp_servers", "messages",
        "metadata", "model", "output_config", "output_format", "service_tier", "stop_sequences", "stream", "system",
        "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
    )
)  # fmt: skip

Problems = list[tuple[str, str]]


class MessagesRequest(NamedTuple):
    """A request for a message; `prompt` is the system prompt and the contents of its messages, joined with newlines."""

    model: str
    prompt: str
    user: str
    tokens: int
    stream: bool


def parse_messages(body: bytes) -> MessagesRequest:
    """Return what `body` asks for. Raises Refusal (400) that names every problem at once."""
    return read_messages(json_object(body), _KNOWN, [])


def read_messages(asked: dict[str, Any], known: frozenset[str], problems: Problems) -> MessagesRequest:
    """Return what the fields `asked` ask for, of which those in `known` may be. Raises Refusal (400) with all `problems`."""
    model = field(asked, "model", str, "", problems)
    tokens = asked.get("max_tokens")
    for name in ("model", "max_tokens", "messages"):
        if asked.get(name) is None:
            problems.append((name, f"{name}: Field required."))
    if tokens is not None and (type(tokens) is not int or not 1 <= tokens <= MOST_TOKENS):
        problems.append(("max_tokens", f"max_tokens: Input should be a whole number from 1 to {MOST_TOKENS}."))
    texts = _system(asked.get("system"), problems)
    if asked.get("messages") is not None:
        texts += _messages(asked["messages"], problems)
    stream = field(asked, "stream", bool, False, problems)
    metadata = field(asked, "metadata", dict, {}, problems)
    user = field(metadata, "user_id", str, "", problems) if type(metadata) is dict else ""
    problems += [(name, f"{name}: Extra inputs are not permitted.") for name in sorted(asked.keys() - known)]
    refuse(asked, problems)
    return MessagesRequest(model, texts[0] if len(texts) == 1 else "\n".join(texts), user, tokens or 0, stream)


def _system(value: Any, problems: Problems) -> list[str]:
    if value is None:
        return []
    if type(value) is str:
        return [value]
    if type(value) is list and all(_is_text(block) for block in value):
        return [block["text"] for block in value]
    problems.append(("system", "system: Input should be a string or a list of text blocks."))
    return []


def _messages(value: Any, problems: Problems) -> list[str]:
    if type(value) is not list or not value:
        problems.append(("messages", "messages: at least one message is required."))
        return []
    texts: list[str] = []
    for position, message in enumerate(value):
        where = f"messages.{position}"
        if type(message) is not dict:
            problems.append(("messages", f"{where}: Input should be an object."))
            continue
        if message.get("role") not in ("user", "assistant"):
            problems.append(("messages", f"{where}.role: Input should be 'user' or 'assistant'."))
        content = message.get("content")
        if type(content) is str:
            texts.append(content)
        elif type(content) is list and content:
            texts += _blocks(content, f"{where}.content", problems)
        else:
            problems.append(("messages", f"{where}.content: Input should be a string or a list of blocks."))
    return texts


def _blocks(blocks: list[Any], where: str, problems: Problems) -> list[str]:
    """Return the texts of the blocks; those of other types (images, tool results) have none that counts."""
    texts: list[str] = []
    for position, block in enumerate(blocks):
        if type(block) is not dict or type(block.get("type")) is not str:
            problems.append(("messages", f'{where}.{position}: Input should be an object with a "type".'))
        elif block["type"] == "text":
            if _is_text(block):
                texts.append(block["text"])
            else:
                problems.append(("messages", f"{where}.{position}.text: Input should be a string."))
    return texts


def _is_text(block: Any) -> bool:
    return type(block) is dict and block.get("type") == "text" and type(block.get("text")) is str
