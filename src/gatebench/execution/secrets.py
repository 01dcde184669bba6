"""Keys and headers that a run sends and never keeps: read from the environment or a file when it starts, or drawn."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gatebench.errors import Problem

SEEDED = "seeded"
_KEY_HEADERS = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"})


_LEAST_SECRET = 6
"""Shorter values are no secrets, and are in every text."""


@dataclass(frozen=True)
class Secrets:
    """What goes to the load processes over their stdin: extra headers, and one key for each tenant."""

    headers: dict[str, str] = field(default_factory=dict)
    keys: tuple[str, ...] = ()

    def left_out_of(self, text: str) -> str:
        """Return the text without any of them: a program may repeat what it was sent."""
        for value in (*self.headers.values(), *self.keys):
            for secret in (value, value.rpartition(" ")[2]):
                text = text.replace(secret, "…") if len(secret) >= _LEAST_SECRET else text
        return text


def value_of(where: str, text: str, problems: list[Problem]) -> str:
    """Return the value behind `env:VARIABLE` or `@FILE`, or the text itself; what cannot be read is a problem."""
    if text.startswith("env:"):
        value = os.environ.get(text[4:], "")
        if not value:
            problems.append(
                Problem(where, f"the environment variable {text[4:]} is not set.", "Export it, or correct its name.")
            )
        return value
    if text.startswith("@"):
        try:
            return Path(text[1:]).read_text().strip()
        except UnicodeDecodeError:
            problems.append(Problem(where, f"{text[1:]} is no text.", "Name a text file."))
        except OSError as error:
            problems.append(Problem(where, f"{text[1:]} cannot be read: {error.strerror}.", "Correct the path."))
        return ""
    return text


def header_values(headers: Mapping[str, str], where: str, problems: list[Problem]) -> dict[str, str]:
    """Return a scenario's headers with their values; a key that stands there in plain is a problem."""
    found = {}
    for name, text in headers.items():
        if name.lower() in _KEY_HEADERS and not text.startswith(("env:", "@")):
            what = f'the header "{name}" holds its value in plain.'
            problems.append(Problem(where, what, f'Write {name}: "env:VARIABLE" or "@FILE"; a run keeps no key.'))
        found[name.lower()] = value_of(f'{where}: header "{name}"', text, problems)
    return found


def seeded_keys(seed: int, tenants: Sequence[str]) -> tuple[str, ...]:
    """Return a key for each tenant, drawn by the seed: they open nothing but a gateway that was told them for this run."""
    texts = (f"{seed}/{tenant}".encode() for tenant in tenants)
    return tuple(f"gb-key-{hashlib.blake2b(text, digest_size=12, key=b'gatebench keys').hexdigest()}" for text in texts)


def default_key(place: int) -> str:
    """Return what the tenant at `place` shows a gateway when nobody gave it a key."""
    return f"gatebench-tenant-{place}"


def key_values(
    keys: str | None, tenants: Sequence[str], where: str, problems: list[Problem], seed: int = 0
) -> tuple[str, ...]:
    """Return one key for each tenant: the lines of `@FILE`, the parts of `env:VARIABLE` between commas, or seeded ones."""
    if keys is None:
        return ()
    if keys == SEEDED:
        return seeded_keys(seed, tenants)
    if not keys.startswith(("env:", "@")):
        problems.append(
            Problem(f"{where}: keys", "they stand there in plain.", 'Write keys="seeded", "env:VARIABLE" or "@FILE".')
        )
        return ()
    before = len(problems)
    text = value_of(f"{where}: keys", keys, problems)
    if len(problems) > before:
        return ()
    parts = tuple(part.strip() for part in (text.split(",") if keys.startswith("env:") else text.splitlines()))
    parts = tuple(part for part in parts if part)
    if len(parts) < len(tenants):
        what = f"{len(parts)} keys for {len(tenants)} tenants."
        problems.append(Problem(f"{where}: keys", what, "Give one key for each tenant, in their order."))
    return parts[: len(tenants)]
