"""Who made an answer, as a code; and the columns in which all that is known of it stands."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = 0
"""No stamp names an attempt that the ledger holds."""
FETCHED: Final = 1
"""Its own attempt made the answer."""
JOINED: Final = 2
"""The attempt of another request made it, and was under way when this one was sent."""
HIT: Final = 3
"""The attempt that made it had ended before the request was sent."""
REVALIDATED: Final = 4
"""As a hit, but its own attempt asked the origin, which answered that nothing has changed (304)."""

COLUMNS: Final = ("cacheable", "key", "topic", "wording", "truth", "maker", "owner", "age_ms", "longest_ms")
