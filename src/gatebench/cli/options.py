"""Reads the repeatable options of the command line: comma lists, KEY=VALUE pairs, headers that may come from a file."""

from __future__ import annotations

from collections.abc import Iterable

from gatebench.errors import Problem
from gatebench.execution.load.wire import header_problems
from gatebench.execution.secrets import value_of


def commas(values: Iterable[str]) -> list[str]:
    """Return the values, each comma list taken apart, doubles left out, order kept."""
    return list(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))


def pairs(option: str, values: Iterable[str], problems: list[Problem]) -> dict[str, str]:
    """Return KEY=VALUE options as a dictionary; what has no equals sign is a problem."""
    found: dict[str, str] = {}
    for value in values:
        key, equals, rest = value.partition("=")
        if not equals or not key.strip():
            shown = (
                f"{option} {value[:4]}…" if option == "--header" else f"{option} {value}"
            )  # a bare word may be a key
            problems.append(Problem(shown, "has no KEY=VALUE form.", f"Write {option} key=value."))
            continue
        found[key.strip()] = rest.strip()
    return found


def headers(values: Iterable[str], problems: list[Problem]) -> dict[str, str]:
    """Return request headers. `NAME=env:VARIABLE` and `NAME=@FILE` keep a key off the command line."""
    found: dict[str, str] = {}
    for name, value in pairs("--header", values, problems).items():
        found[name.lower()] = value_of(f"--header {name}", value, problems)
    problems += header_problems(found)
    return found
