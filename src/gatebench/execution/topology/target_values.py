"""What a target's templates may name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatebench.execution.secrets import SEEDED, default_key, seeded_keys
from gatebench.execution.topology.place import Place
from gatebench.plan import Plan


def target_values(
    plan: Plan,
    directory: Path,
    gateway: Place,
    *,
    providers: Mapping[str, Place],
    stores: Mapping[str, Place],
    ports: Mapping[str, int],
) -> dict[str, Any]:
    """Return the values of one run: where the gateway listens, where its providers and stores are reached, on which
    `ports` its stores are to listen themselves, its settings, its tenants.
    """
    target = plan.target
    definition = target.definition
    own = {store.process: ports[store.name] for store in definition.store} if definition else {}
    return {
        "dir": str(directory.resolve()),
        "folder": target.folder,
        "here": target.own_folder,
        "installed": target.installed,
        "tenants": tenants(plan),
        "python": sys.executable,
        "host": gateway.host,
        "port": gateway.port,
        "providers": [
            {"name": name, "host": place.host, "port": place.port, "url": place.url}
            for name, place in providers.items()
        ],
        "stores": {
            name: {"host": place.host, "port": place.port, "url": f"redis://{place}"} for name, place in stores.items()
        },
        "ports": own,
        "settings": target.settings,
        "workers": 1,
        "deadline_s": plan.load.deadlines.total_ns / 1e9,
    }


def tenants(plan: Plan) -> list[dict[str, str]]:
    """Return what the target may know of the tenants: their names, their keys if those are seeded, their tiers in turn."""
    names, tiers = plan.tenant_names(), plan.tiers or ("",)
    seeded = plan.keys == SEEDED
    keys = seeded_keys(plan.seed, names) if seeded else tuple(default_key(place) for place in range(len(names)))
    return [
        {"name": name, "key": key, "tier": tiers[place % len(tiers)]}
        for place, (name, key) in enumerate(zip(names, keys, strict=True))
    ]
