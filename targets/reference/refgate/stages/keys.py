"""API keys: the key decides who the tenant is and what it pays for; who shows none, or an unknown one, is not served."""

from __future__ import annotations

from collections.abc import Mapping

from ..answer import Answer
from ..call import Call
from ..errors import make_error
from ..settings.keys import KeysConfig, TenantConfig
from ..stage import Next, Stage

# OpenAI's clients send it this way; Anthropic's send the bare key in x-api-key.
_SCHEME = "bearer "


def keys(config: KeysConfig) -> Stage | None:
    """Return the stage that `config` asks for."""
    return Keys({tenant.key: tenant for tenant in config.tenants}) if config.auth == "keys" else None


class Keys:
    """Knows the tenants by their keys."""

    def __init__(self, tenants: Mapping[str, TenantConfig]) -> None:
        self._tenants = tenants

    async def __call__(self, call: Call, next: Next) -> Answer:
        """Name the tenant, or answer 401. The key itself goes no further: the provider learns the tenant's name."""
        bearer, api_key = (call.headers.popall(name, [""])[0] for name in ("Authorization", "x-api-key"))
        key = bearer[len(_SCHEME) :].strip() if bearer[: len(_SCHEME)].lower() == _SCHEME else api_key
        tenant = self._tenants.get(key)
        if tenant is None:
            return _unauthorized("Incorrect API key provided." if key else "You did not provide an API key.")
        call.key, call.tenant, call.tier = key, tenant.name, tenant.tier
        call.headers["x-gatebench-tenant"] = tenant.name
        return await next(call)


def _unauthorized(message: str) -> Answer:
    error = make_error(401, "invalid_api_key", message, outcome="unauthorized")
    error.headers["WWW-Authenticate"] = "Bearer"  # which RFC 9110, section 15.5.2, asks for
    return error
