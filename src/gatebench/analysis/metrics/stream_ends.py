"""What a stream brought and how it ended, held against what its provider wrote. Exact counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.makers import no_attempts, with_makers
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.sample import ERROR_EVENT, TOKEN_AGAIN, TOKEN_MISSING

if TYPE_CHECKING:
    import pandas as pd

LEAST_STREAMS: Final = 20
_USUAL: Final = 0.5
_CUT: Final = ("eof", "reset", "malformed", "in_band")
_NO_STREAMS: Final = "no stream brought a token"


def _streams(scope: Scope) -> pd.DataFrame:
    return scope.rows[scope.rows["tokens"] > 0]


def _flawed(rows: pd.DataFrame, bit: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return (rows["token_flaws"].to_numpy(np.uint8) & bit).astype(bool)


def _counted(scope: Scope) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the complete streams whose attempt completed too, and the attempts."""
    rows = _streams(scope)
    rows, made = with_makers(scope.tables, rows[rows["complete"]])
    keep = (made["end"] == "completed").to_numpy()
    return rows[keep], made[keep]


def _too_short(rows: pd.DataFrame, made: pd.DataFrame) -> pd.Index[int]:
    """Return the streams with fewer events than tokens, where most streams of their provider have one event a token.

    Of one whose streams come in other pieces (translated, or collected) events are no count of tokens.
    """
    events, tokens = numbers(rows["tokens"]), numbers(made["tokens_out"])
    provider = made["provider"].to_numpy(dtype=str)
    short = np.zeros(len(rows), bool)
    for name in np.unique(provider):
        own = provider == name
        if float((events[own] == tokens[own]).mean()) > _USUAL:
            short |= own & (events < tokens)
    return rows.index[short]


def repeated(scope: Scope) -> pd.DataFrame:
    """Streams in which a numbered token came again."""
    rows = _streams(scope)
    return rows[_flawed(rows, TOKEN_AGAIN)]


def lacking(scope: Scope) -> pd.DataFrame:
    """Streams in which a numbered token is missing, and complete ones with fewer tokens than their provider wrote."""
    rows = _streams(scope)
    missing = _flawed(rows, TOKEN_MISSING)
    return rows[missing | rows.index.isin(_too_short(*_counted(scope)))]


def ended_falsely(scope: Scope) -> pd.DataFrame:
    """Streams with a proper end although the attempt behind them had none."""
    rows = _streams(scope)
    rows, made = with_makers(scope.tables, rows[rows["complete"]])
    return rows[(made["end"] != "completed").to_numpy()]


def cut_visibly(scope: Scope) -> pd.DataFrame:
    """Streams that broke off after their first token in a way that a client notices, without an error event."""
    rows = _streams(scope)
    return rows[rows["cause"].isin(_CUT) & ~_flawed(rows, ERROR_EVENT)]


def said_in_band(scope: Scope) -> pd.DataFrame:
    """Streams that carried an error event after their first token."""
    rows = _streams(scope)
    return rows[_flawed(rows, ERROR_EVENT)]


def _count(rows: pd.DataFrame, streams: int) -> Measured:
    return known(float(len(rows)), streams) if streams else unknown(_NO_STREAMS)


def _must_be_none(rows: pd.DataFrame, streams: int) -> Measured:
    if streams < LEAST_STREAMS:
        return unknown(f"a count that must be 0 needs at least {LEAST_STREAMS} streams; here are {streams}", streams)
    return known(float(len(rows)), streams)


@metric(
    unit="answers", better="lower", title="Streams with repeated tokens", judged="exact", offenders=repeated, quiet=True
)
def duplicate_tokens(scope: Scope) -> Measured:
    """Streams in which a numbered token came again or out of order, as when another provider begins anew in the middle
    of an answer. Our providers number their words. Must be 0; at least 20 streams.
    """
    return _must_be_none(repeated(scope), len(_streams(scope)))


@metric(unit="answers", better="lower", title="Streams with lost tokens", judged="exact", offenders=lacking, quiet=True)
def lost_tokens(scope: Scope) -> Measured:
    """Streams in which a numbered token before the last one never came, and complete streams with fewer tokens than the
    attempt behind them wrote (of providers whose streams mostly come with one event a token). Must be 0; at least 20 streams.
    """
    return _must_be_none(lacking(scope), len(_streams(scope)))


@metric(
    unit="answers", better="lower", title="Streams ended falsely", judged="exact", offenders=ended_falsely, quiet=True
)
def false_endings(scope: Scope) -> Measured:
    """Streams that were given a proper end although the attempt that made them broke off: a truncation that the client
    cannot notice at all. Must be 0; at least 20 streams.
    """
    reason = no_attempts(scope.tables)
    return unknown(reason) if reason else _must_be_none(ended_falsely(scope), len(_streams(scope)))


@metric(
    unit="answers", better="neither", title="Streams cut visibly", judged="exact", offenders=cut_visibly, quiet=True
)
def visible_cuts(scope: Scope) -> Measured:
    """Streams that broke off after their first token by the end of the connection or broken framing, without an error
    event: the client notices, but is not told why.
    """
    return _count(cut_visibly(scope), len(_streams(scope)))


@metric(
    unit="answers",
    better="neither",
    title="Streams ended by an error event",
    judged="exact",
    offenders=said_in_band,
    quiet=True,
)
def in_band_errors(scope: Scope) -> Measured:
    """Streams that said an error event after their first token: the client notices, and is told."""
    return _count(said_in_band(scope), len(_streams(scope)))
