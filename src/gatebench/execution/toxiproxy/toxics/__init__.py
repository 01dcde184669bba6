"""The toxics, one file each: importing this package registers every file that lies beside this one.

A toxic is a `Stage` (what it does to the chunks of one direction of one connection) and a call of `register` at the foot
of its file (its name and its attributes). Adding one touches nothing else.
"""

from __future__ import annotations

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
