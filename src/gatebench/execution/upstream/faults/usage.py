"""The provider counts tokens wrongly, in what it tells; its ledger counts as ever."""

from __future__ import annotations

import math
import re
from typing import Final

from pydantic import Field, field_validator

from gatebench.execution.upstream.faults.contract import Fault, Hit
from gatebench.execution.upstream.faults.registry import register

_COUNT: Final = re.compile(rb'"((?:prompt|completion|total|input|output)_tokens)":(\d+)')


class Usage(Fault):
    """Tells `factor` times the tokens: rounded away from the truth, so that no number above 0 is right by chance."""

    factor: float = Field(default=2.0, ge=0, le=1000)

    @field_validator("factor")
    @classmethod
    def _is_wrong(cls, factor: float) -> float:
        if factor == 1:
            raise ValueError("1 times the tokens is the truth; use another factor")
        return factor

    async def on_chunk(self, hit: Hit, data: bytes) -> bytes:
        """Multiply every count in it."""
        return _COUNT.sub(lambda found: b'"%b":%d' % (found[1], self.told(int(found[2]))), data)

    def told(self, tokens: int) -> int:
        """Return what is told of so many tokens."""
        return (math.ceil if self.factor > 1 else math.floor)(tokens * self.factor)


register("provider.usage", Usage)
