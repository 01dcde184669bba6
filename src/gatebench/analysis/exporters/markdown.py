"""A gate as Markdown for a pull request: the verdict in a sentence, the numbers in a table, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gatebench.comparing.amounts import change, interval, number, tolerated
from gatebench.comparing.checks import CheckVerdict
from gatebench.comparing.gated import Gated, advice, headline
from gatebench.comparing.judging import LineVerdict

_SIGNS: Final = {0: "✅", 1: "❌", 4: "❔"}
_WORDS: Final = {"regressed": "❌ **regressed**", "cannot tell": "❔ cannot tell", "missing": "❔ **missing**"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~$])")
_LEADING = re.compile(r"^(\d*)([-+=.)])(?=\s|$)")
_NO_MENTION: Final = "@\u200b"  # a backslash does not keep GitHub from calling somebody


def markdown(gated: Gated) -> str:
    """Return the summary. Whatever comes from outside (titles, sentences, names) is escaped, and cannot end its cell."""
    return "\n".join(_text(gated)).rstrip() + "\n"


def _text(gated: Gated) -> Iterator[str]:
    yield f"## {_SIGNS.get(gated.code, '⚠️')} {escape(gated.subject)}: {gated.verdict}"
    yield ""
    yield escape(headline(gated))
    yield ""
    if gated.lines:
        yield f"| | base | head | change | {_confidence(gated)} | tolerated | |"
        yield "|---|--:|--:|--:|:-:|--:|---|"
        yield from (_row(line) for line in gated.ordered)
        yield ""
    told = [check for check in gated.checks if check.why]
    if gated.checks:
        yield from _checks(gated, told)
        yield ""
    todo = advice(gated)
    if todo:
        yield "**What to do**"
        yield ""
        yield from (f"- {escape(sentence)}" for sentence in todo)
        yield ""
    yield from (f"> {escape(note)}" for note in gated.notes)
    if gated.notes:
        yield ""
    yield f"<sub>base: {escape(gated.base)} · head: {escape(gated.head)} · {_how(gated)}</sub>"


def _row(line: LineVerdict) -> str:
    unit = line.measure.unit
    name = escape(line.measure.title) + (f" in {escape(line.measure.phase)}" if line.measure.phase else "")
    word = _WORDS.get(line.word, line.word) + (f": {escape(line.why)}" if line.word == "missing" else "")
    cells = [
        name,
        number(line.base, unit),
        number(line.head, unit),
        change(line),
        interval(line),
        tolerated(line),
        word,
    ]
    return f"| {' | '.join(cells)} |"


def _checks(gated: Gated, told: list[CheckVerdict]) -> Iterator[str]:
    calm = len(gated.checks) - len(told)
    if calm:
        of = f"{calm} of {len(gated.checks)} checks" if told else f"The scenario's {_count(len(gated.checks), 'check')}"
        yield f"{of} did not fail more often in head than in base."
    if calm and told:
        yield ""
    for check in told:
        yield f"- {_WORDS.get(check.word, check.word)}: “{escape(check.sentence)}”: {escape(check.why)}."


def _confidence(gated: Gated) -> str:
    return "95 % interval" if any(line.low is not None for line in gated.lines) else "interval"


def _how(gated: Gated) -> str:
    words = {"interleaved": "in turn on one machine", "stored": "stored rounds", "pytest-benchmark": "pytest-benchmark"}
    early = f" of at most {gated.planned}" if gated.pairs < gated.planned else ""
    took = f" · {gated.took_s:.0f} s" if gated.took_s is not None else ""
    return f"{_count(gated.pairs, 'pair')}{early}, {words[gated.how]}{took}"


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def escape(text: str) -> str:
    """Return text that Markdown shows as it is: no markup, no mention of anybody, no HTML, no new line."""
    text = _LEADING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(text.split())))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", _NO_MENTION)
