"""When a provider fails a request the client gets the canned answer, though another provider would give a real one."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def spoil() -> None:
    """Where there is a canned answer the first failure is final."""
    from targets.reference.refgate.answer import Failure
    from targets.reference.refgate.settings.fallback import FallbackConfig
    from targets.reference.refgate.stage import Stage

    pipeline: Any = import_module("targets.reference.refgate.pipeline")
    fallback = pipeline.fallback

    def early(config: FallbackConfig) -> Stage | None:
        if config.kind == "default":
            Failure.may_be_retried = lambda self, method: False  # type: ignore[method-assign]
        stage: Stage | None = fallback(config)
        return stage

    pipeline.fallback = early
