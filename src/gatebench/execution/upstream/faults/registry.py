"""The mechanisms a provider knows, by name; a file beside this one adds its own."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from gatebench.execution.upstream import faults
from gatebench.execution.upstream.faults.contract import Fault

_mechanisms: dict[str, type[Fault]] = {}


def register(mechanism: str, fault: type[Fault]) -> None:
    """Make `fault` known as `mechanism`; two faults of one name are a mistake in the code."""
    if _mechanisms.setdefault(mechanism, fault) is not fault:
        raise ValueError(f"{mechanism} is already the name of {_mechanisms[mechanism].__name__}; choose another name")


def mechanisms() -> dict[str, type[Fault]]:
    """Return every mechanism of this folder, in the order of their names."""
    for module in iter_modules(faults.__path__):
        import_module(f"{faults.__name__}.{module.name}")
    return dict(sorted(_mechanisms.items()))
