"""Who may ask."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from .section import Section


class TenantConfig(Section):
    """A tenant, the API key that it shows, and the tier that it pays for ("" is none in particular)."""

    name: str = Field(min_length=1)
    key: str = Field(min_length=1, repr=False)
    tier: str = ""


class KeysConfig(Section):
    """With `auth` = "keys" only those are served who show the key of one of `tenants`."""

    auth: Literal["off", "keys"] = "off"
    tenants: tuple[TenantConfig, ...] = ()

    @field_validator("tenants")
    @classmethod
    def _keys_differ(cls, tenants: tuple[TenantConfig, ...]) -> tuple[TenantConfig, ...]:
        owners: dict[str, str] = {}
        for tenant in tenants:
            if (owner := owners.setdefault(tenant.key, tenant.name)) != tenant.name:
                raise ValueError(f"{owner} and {tenant.name} have the same key; give each its own")
        return tenants
