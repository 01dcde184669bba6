"""Whoever shows any key is served: an unknown one is taken for a tenant of its own."""

from __future__ import annotations


def spoil() -> None:
    """An unknown key names a tenant."""
    from targets.reference.refgate.settings.keys import TenantConfig
    from targets.reference.refgate.stages.keys import Keys

    class Everybody(dict[str, TenantConfig]):
        def get(self, key: str, default: object = None) -> TenantConfig:
            """Return the tenant of a key, known or not."""
            return super().get(key) or TenantConfig(name="somebody", key=key)

    begin = Keys.__init__
    Keys.__init__ = lambda self, tenants: begin(self, Everybody(tenants))  # type: ignore[method-assign]
