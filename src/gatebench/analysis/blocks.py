"""The requests of a block side by side: what each lane took beyond the provider, so that lanes can be compared pair by pair.

A request's own time at the provider is stamped into its answer. Taking it away request by request leaves what the path
cost (links, gateway, client), and the provider's own variation cancels instead of having to average out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.lanes import block_of
from gatebench.sample import LANES, NEVER
from gatebench.stats import Floats

if TYPE_CHECKING:
    import pandas as pd

NS_PER_MS: Final = 1e6
WHOLE: Final = "whole"
TTFT: Final = "ttft"


def by_block(samples: pd.DataFrame, attempts: pd.DataFrame | None, lanes: int) -> pd.DataFrame:
    """Return a row a block, with a column `(what, lane)` for each of `whole` and `ttft` and each lane of the run.

    `whole` is done - sent - the stamped service time, `ttft` first token - sent - the provider's own time to first token;
    milliseconds, NaN where the request was not answered completely, or by a provider that was asked for it. Warm-up is among
    them: which blocks count is told by their rows of the lane target, a block may straddle the edge.
    """
    import pandas as pd

    rows = samples[samples["kind"].isin(("load", "warmup")) & samples["complete"] & (samples["ordinal"] == 0)]
    lane = rows["lane"].astype(str)
    asked = rows["attempts"] > 0
    # An answer for which nobody was asked (a cache) carries the stamp of an older one. Where ids do not pass, none tells.
    stale = (~asked & asked.groupby(lane).transform("any")).to_numpy()
    whole = np.where(
        stale | (rows["service_ns"] == NEVER).to_numpy(), np.nan, rows["service_ms"] - rows["service_ns"] / NS_PER_MS
    )
    frame = pd.DataFrame(
        {
            "block": block_of(rows["arrival_id"].to_numpy(np.int64), lanes),
            "lane": lane,
            WHOLE: whole,
            TTFT: np.where(stale, np.nan, _first_tokens_ms(rows, attempts)),
        }
    )
    table = frame.drop_duplicates(["block", "lane"]).pivot(index="block", columns="lane", values=[WHOLE, TTFT])
    wanted = pd.MultiIndex.from_product([(WHOLE, TTFT), LANES[:lanes]])
    return table.reindex(columns=wanted).astype(np.float64).sort_index()


def _first_tokens_ms(rows: pd.DataFrame, attempts: pd.DataFrame | None) -> Floats:
    """Return how long after the provider's first token the client's came, both counted from their own beginnings."""
    import pandas as pd

    if attempts is None:
        return np.full(len(rows), np.nan)
    made = attempts[attempts["first_token_ns"] != NEVER].drop_duplicates(["provider", "attempt"])
    took = pd.Series(
        (made["first_token_ns"] - made["arrived_ns"]).to_numpy(np.float64),
        index=pd.MultiIndex.from_frame(made[["provider", "attempt"]].astype({"provider": str, "attempt": np.int64})),
    )
    named = pd.MultiIndex.from_arrays([rows["provider"].astype(str), rows["attempt"].astype(np.int64)])
    provider_ns = took.reindex(named).to_numpy()
    client_ns = np.where(rows["first_token_ns"] == NEVER, np.nan, rows["first_token_ns"] - rows["sent_ns"])
    return np.asarray((client_ns - provider_ns) / NS_PER_MS, dtype=np.float64)
