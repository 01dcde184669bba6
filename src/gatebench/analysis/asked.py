"""What every request asked, made again from the seed: nobody has to have recorded it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from gatebench.lanes import block_of
from gatebench.oracles.copies import NO_GROUP
from gatebench.traffic import DRAWN, Generator
from gatebench.traffic.questions import NO_MEANING

if TYPE_CHECKING:
    from gatebench.plan import Plan
    from gatebench.schedule import Schedule

REACTIVE: Final = "reactive"


def asked(samples: pd.DataFrame, plan: Plan, schedule: Schedule) -> pd.DataFrame:
    """Return, in the order of `samples`, what each request asked.

    `fingerprint` is that of its prompt (u8; 0 where there is none), `key` the number of its group of copies (i8; -1
    without one), `keyed` whether it carried an idempotency key, `meaning` what a shipped question means (i4; -1 for other
    prompts), `conditional` whether it asked for a resource only if that has changed. What users' own tasks and the reactive
    probe ask for is theirs: 0 and -1.
    """
    fingerprints = np.zeros(len(samples), np.uint64)
    keys = np.full(len(samples), NO_GROUP, np.int64)
    keyed = np.zeros(len(samples), bool)
    meanings = np.full(len(samples), NO_MEANING, np.int32)
    conditional = np.zeros(len(samples), bool)
    if plan.load.locustfile is None:
        generator = Generator(plan.traffic, plan.seed)
        routes = {name: code for code, name in enumerate(plan.traffic.route_names())}
        tenants = {name: code for code, name in enumerate(plan.traffic.tenant_names())}
        composed = [route.kind != "task" for route in plan.traffic.routes]
        columns = (samples[name].to_numpy() for name in ("arrival_id", "route", "tenant", "kind"))
        for place, (arrival, route, tenant, kind) in enumerate(zip(*columns, strict=True)):
            code = routes.get(route, DRAWN)
            if code == DRAWN or not composed[code] or kind == REACTIVE:
                continue
            arrival_id = int(arrival)
            size = int(schedule.size[arrival_id]) if schedule.said else DRAWN
            request = generator.request(
                block_of(arrival_id, len(plan.lanes)), route=code, tenant=tenants.get(tenant, DRAWN), size=size
            )
            fingerprints[place], keys[place], keyed[place] = request.fingerprint, request.key, request.keyed
            meanings[place], conditional[place] = request.meaning, b"if-none-match:" in request.headers
    columns_of = {
        "fingerprint": fingerprints,
        "key": keys,
        "keyed": keyed,
        "meaning": meanings,
        "conditional": conditional,
    }
    return pd.DataFrame(columns_of, index=samples.index)
