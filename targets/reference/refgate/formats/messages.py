"""A chat request as Anthropic's Messages API wants it, whether Anthropic itself or Bedrock serves it."""

from __future__ import annotations

from typing import Any

from .contract import Untranslatable

# It must be said to Anthropic, and need not be to OpenAI.
_DEFAULT_TOKENS = 1024
_HIGHEST_TEMPERATURE = 1.0
_IGNORED_WHEN = {"n": (1,), "logprobs": (False,), "response_format": ({"type": "text"},), "tools": ([],)}


def messages_body(chat: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that both providers share. Raises Untranslatable for what the API cannot say."""
    for name, harmless in _IGNORED_WHEN.items():
        if chat.get(name) is not None and chat[name] not in harmless:
            raise Untranslatable(name, f'"{name}" cannot be asked of this provider. Leave it out.')
    system, messages = _parted(chat.get("messages"))
    body: dict[str, Any] = {"max_tokens": _tokens(chat), "messages": messages}
    if system:
        body["system"] = "\n".join(system)
    if chat.get("temperature") is not None:
        body["temperature"] = min(chat["temperature"], _HIGHEST_TEMPERATURE)
    if chat.get("top_p") is not None:
        body["top_p"] = chat["top_p"]
    if chat.get("stop") is not None:
        body["stop_sequences"] = [chat["stop"]] if isinstance(chat["stop"], str) else chat["stop"]
    return body


def _tokens(chat: dict[str, Any]) -> Any:
    told = (chat.get(name) for name in ("max_completion_tokens", "max_tokens"))
    return next((tokens for tokens in told if tokens is not None), _DEFAULT_TOKENS)


def _parted(messages: Any) -> tuple[list[str], list[dict[str, Any]]]:
    """Return the texts of the system, and the messages of the others."""
    if not isinstance(messages, list) or not messages:
        raise Untranslatable("messages", '"messages" is missing or empty. Send a list with at least one message.')
    system: list[str] = []
    others: list[dict[str, Any]] = []
    for position, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role in ("system", "developer"):
            system += [block["text"] for block in _blocks(message, position)]
        elif role in ("user", "assistant"):
            content = message.get("content")
            others.append(
                {"role": role, "content": content if isinstance(content, str) else _blocks(message, position)}
            )
        else:
            raise Untranslatable("messages", f"messages[{position}] has the role {role!r}, which cannot be translated.")
    return system, others


def _blocks(message: dict[str, Any], position: int) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if isinstance(content, list) and all(
        isinstance(part, dict) and isinstance(part.get("text"), str) for part in content
    ):
        return [{"type": "text", "text": part["text"]} for part in content]
    raise Untranslatable(
        "messages", f"messages[{position}] holds something other than text, which cannot be translated."
    )
