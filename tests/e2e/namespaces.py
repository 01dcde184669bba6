"""Two machines on one: network namespaces with addresses of their own and a cable between, and a clock that runs ahead."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

_numbers = itertools.count()


@dataclass(frozen=True)
class Machine:
    """A network namespace and its address."""

    name: str
    address: str

    @property
    def before(self) -> tuple[str, ...]:
        """The words that run a command there."""
        return ("ip", "netns", "exec", self.name)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Make two namespaces, 10.9.0.1 and 10.9.0.2, and remove them whatever happens; skips where that is not allowed."""
    mark = f"{os.getpid():x}{next(_numbers)}"
    made = [Machine(f"gatebench-{mark}-{number}", f"10.9.0.{number}") for number in (1, 2)]
    try:
        try:
            for machine in made:
                _ip("netns", "add", machine.name)
            cables = [f"gb{mark}-{number}" for number in (1, 2)]
            _ip(
                "link",
                "add",
                cables[0],
                "netns",
                made[0].name,
                "type",
                "veth",
                "peer",
                cables[1],
                "netns",
                made[1].name,
            )
            for machine, cable in zip(made, cables, strict=True):
                _ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", cable)
                _ip("-n", machine.name, "link", "set", cable, "up")
                _ip("-n", machine.name, "link", "set", "lo", "up")
        except OSError as error:
            pytest.skip(f"no network namespaces here: {error}")
        yield made[0], made[1]
    finally:
        for machine in made:  # the cable goes with its ends
            subprocess.run(["ip", "netns", "delete", machine.name], capture_output=True, check=False)


def ahead(seconds: int) -> tuple[str, ...]:
    """Return the words that run a command with a monotonic clock that is so far ahead; skips where no kernel does that."""
    words = ("unshare", "--time", "--monotonic", str(seconds), "--fork", "--kill-child", "--")
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    tried = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no time namespaces here: {tried.stderr.strip()}")
    return words
