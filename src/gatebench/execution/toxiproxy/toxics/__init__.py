"""The toxics, one file each: importing this package registers every file that lies beside this one.

A toxic is a `Stage` (what it does to the chunks of one direction of one connection) and a call of `register` at the foot
of its file (its name and its attributes). Adding one touches nothing else. The smallest that does something:

    '''Turns everything into capitals.'''

    class ShoutStage(Stage):
        def feed(self, chunk: bytes, at_ns: int) -> None:
            self.emit(chunk.upper(), at_ns)

    register("shout", ShoutStage)

`HoldingStage` is the base of those that keep chunks for a while. `tests/execution/toxiproxy/fakes.py` has a bench on which
a stage is tried with a clock that is set by hand.
"""

from __future__ import annotations

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
