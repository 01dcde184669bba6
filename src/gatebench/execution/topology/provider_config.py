"""What a provider's process is told."""

from __future__ import annotations

from typing import Any

from gatebench.execution.topology.place import Place
from gatebench.latency import MeasuredLatency
from gatebench.plan import Plan, ProviderPlan


def provider_config(plan: Plan, provider: ProviderPlan, place: Place, admin_token: str) -> dict[str, Any]:
    """Return the fields of `gatebench.execution.upstream.config.ProviderConfig` that all processes of a provider share."""
    latency = provider.latency
    return {
        "name": provider.name,
        "host": place.host,
        "port": place.port,
        "admin_token": admin_token,
        "run": plan.token,
        "seed": plan.seed,
        "latency": latency.with_values() if isinstance(latency, MeasuredLatency) else latency.model_dump(),
        "limits": provider.limits.model_dump() if provider.limits else None,
        "rest": {name: collection.model_dump() for name, collection in provider.rest.items()},
        "processes": provider.processes,
        "vocabularies": plan.vocabularies(),
        "request_id": plan.request_id,
    }
