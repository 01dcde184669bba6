"""What a chat completion request asks for, read once from its body and checked as strictly as a provider would."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

MOST_TOKENS = 100_000
DEFAULT_TOKENS = 24


class ChatRequest(NamedTuple):
    """A chat completion request; `prompt` is the contents of its messages, joined with newlines."""

    model: str
    prompt: str
    user: str
    tokens: int
    stream: bool
    include_usage: bool


class Refusal(Exception):
    """A request that a provider answers with an error; `param` names the field at fault.

    `kind` is the error's type where OpenAI has one of its own for it; `headers` are complete lines for the answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None,
        param: str | None = None,
        kind: str | None = None,
        headers: bytes = b"",
    ) -> None:
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.headers = headers
        super().__init__(message)


def parse_chat(body: bytes) -> ChatRequest:
    """Return what `body` asks for. Raises Refusal (400) that names every problem at once."""
    asked = json_object(body)
    chat = _usual(asked)
    if chat is not None:
        return chat
    problems: list[tuple[str, str]] = []
    model = field(asked, "model", str, "gatebench-small", problems)
    user = field(asked, "user", str, "", problems)
    stream = field(asked, "stream", bool, False, problems)
    tokens = _tokens(asked, problems)
    options = field(asked, "stream_options", dict, {}, problems)
    prompt = _prompt(asked.get("messages"), problems)
    refuse(asked, problems)
    return ChatRequest(model, prompt, user, tokens, stream, options.get("include_usage") is True)


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that `body` is. Raises Refusal (400)."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"The body is not JSON ({error}). Send one JSON object.", code="invalid_json") from error
    if type(asked) is not dict:
        raise Refusal(400, "The body is JSON but not an object. Send one JSON object.", code="invalid_json")
    return asked


def refuse(asked: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    """Raise Refusal (400) with every problem, each a field's name and a sentence, if there are any."""
    if problems:
        param = problems[0][0]
        code = "missing_required_parameter" if asked.get(param) is None else "invalid_value"
        raise Refusal(400, " ".join(text for _, text in problems), code=code, param=param)


def count_tokens(prompt: str) -> int:
    """Return the tokens of a prompt: its words, as blanks and line ends part them."""
    return prompt.count(" ") + prompt.count("\n") + 1 if prompt else 0


def _usual(asked: dict[str, Any]) -> ChatRequest | None:
    """Return what `asked` says if it is what most callers send: a model, one message that is text, a number of tokens.

    This is the hot path; what is unusual or wrong is read carefully instead, with the same result where both apply.
    """
    get = asked.get
    messages, model, tokens, user = get("messages"), get("model"), get("max_tokens"), get("user", "")
    if (
        type(messages) is not list
        or len(messages) != 1
        or type(message := messages[0]) is not dict
        or type(prompt := message.get("content")) is not str
        or type(message.get("role")) is not str
        or type(model) is not str
        or type(user) is not str
        or type(tokens) is not int
        or not 1 <= tokens <= MOST_TOKENS
        or len(asked) != (4 if "user" in asked else 3)
    ):
        return None
    return ChatRequest(model, prompt, user, tokens, False, False)


def field(asked: dict[str, Any], name: str, kind: type, default: Any, problems: list[tuple[str, str]]) -> Any:
    """Return the field `name`, or `default` when it is missing or null; a wrong type is a problem."""
    value = asked.get(name)
    if value is None:
        return default
    if type(value) is not kind:
        article = {str: "a string", bool: "true or false", dict: "an object"}[kind]
        problems.append((name, f'"{name}" must be {article}.'))
    return value


def _tokens(asked: dict[str, Any], problems: list[tuple[str, str]]) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        value = asked.get(name)
        if value is not None:
            if type(value) is int and 1 <= value <= MOST_TOKENS:
                return value
            problems.append((name, f'"{name}" must be a whole number from 1 to {MOST_TOKENS}.'))
    return DEFAULT_TOKENS


def _prompt(messages: Any, problems: list[tuple[str, str]]) -> str:
    """Return the contents of the messages, joined; a list of parts counts by the text in it."""
    if type(messages) is not list or not messages:
        problems.append(("messages", '"messages" is missing or empty. Send a list with at least one message.'))
        return ""
    contents: list[str] = []
    for position, message in enumerate(messages):
        if type(message) is not dict or type(message.get("role")) is not str:
            problems.append(("messages", f'messages[{position}] must be an object with a "role" and a "content".'))
            continue
        content = message.get("content")
        if type(content) is str:
            contents.append(content)
        elif type(content) is list:
            contents += [part["text"] for part in content if type(part) is dict and type(part.get("text")) is str]
        elif content is not None:
            problems.append(("messages", f"messages[{position}].content must be a string or a list of parts."))
    return contents[0] if len(contents) == 1 else "\n".join(contents)
