"""Every fifth request that its first provider fails is given up, though another provider would answer it."""

from __future__ import annotations

from itertools import count


def spoil() -> None:
    """Every fifth failure is final."""
    from targets.reference.refgate.answer import Failure

    may_be_retried, failures = Failure.may_be_retried, count(1)

    def gives_up(self: Failure, method: str) -> bool:
        return next(failures) % 5 != 0 and may_be_retried(self, method)

    Failure.may_be_retried = gives_up  # type: ignore[method-assign]
