"""Says of a planned fault why no canary could prove it, before anything is started."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from gatebench.execution.chaos.chance import LEAST_SHARE
from gatebench.execution.chaos.question import COUNTED, STREAMED, asked_of_provider, path_for
from gatebench.execution.upstream.config import sentences
from gatebench.execution.upstream.faults.registry import mechanisms
from gatebench.faults import FLAGS, FaultDefinition, Value
from gatebench.flags import Flags


def share(definition: FaultDefinition, parameters: Mapping[str, Value]) -> float:
    """Return the share of small answers that a fault hits, each over a connection of its own; 1 for most faults.

    A toxic acts on the share `toxicity` of the connections. One that loses chunks is proven by the share of answers that
    are lost: a small one is one chunk, so that of those it acts on it loses the share that its parameter says.
    """
    acted_on = float(parameters.get("toxicity", 1.0)) if definition.mechanism.startswith("toxic.") else 1.0
    lost = float(parameters[definition.proof.parameter]) if definition.proof.expect == "loss" else 1.0
    return acted_on * lost


def spread(definition: FaultDefinition, parameters: Mapping[str, Value]) -> float:
    """Return by which share of itself, more or less, a delay is spread evenly; 0 for what has no jitter."""
    effect = float(parameters.get(definition.proof.parameter, 0)) if definition.mechanism == "toxic.latency" else 0.0
    return float(parameters.get("jitter", 0)) / effect if effect > 0 else 0.0


def provable(definition: FaultDefinition, parameters: Mapping[str, Value]) -> str | None:
    """Return why no canary can prove the fault with these parameters, in a sentence with the cure; None when one can."""
    hit = share(definition, parameters)
    if hit < LEAST_SHARE:
        return (
            f"It hits {hit:.3g} of the connections: too few for canaries to tell it from none. Raise what makes the share "
            f"to {LEAST_SHARE} or more."
        )
    if spread(definition, parameters) > 1:
        return (
            "Its jitter exceeds its latency: a delay below nothing is none, so that the mean is not what was configured. "
            "Choose a jitter of at most the latency."
        )
    if definition.mechanism == FLAGS:
        return _of_flags(parameters)
    return _of_provider(definition, parameters) if definition.layer == "provider" else None


def _of_flags(parameters: Mapping[str, Value]) -> str | None:
    try:
        said = Flags.of(parameters)
    except ValueError as error:
        return f"{error}."
    return None if said != Flags() else "It says nothing; give weights, tenants or rollback."


def _of_provider(definition: FaultDefinition, parameters: Mapping[str, Value]) -> str | None:
    fault = mechanisms().get(definition.mechanism)
    if fault is None:
        return None  # whoever plans says so
    try:
        fault.model_validate(dict(parameters))
    except ValidationError as error:
        return "; ".join(sentences(error)) + "."
    return _of_route(str(parameters.get("route", "")), definition, parameters)


def _of_route(route: str, definition: FaultDefinition, parameters: Mapping[str, Value]) -> str | None:
    """Return why nothing that is asked below `route` shows the fault."""
    if path_for(route) is None:
        return f'No request that a provider answers begins with the route "{route}". Use one like /v1/chat/completions.'
    kind = asked_of_provider(definition, parameters).kind
    expect = definition.proof.expect
    if expect == "unterminated" and kind not in STREAMED:
        return f'Nothing is streamed below the route "{route}". Use /v1/chat/completions or /v1/messages.'
    if (expect == "usage" or definition.mechanism == "provider.tokens_exhausted") and kind not in COUNTED:
        return f'No tokens are counted below the route "{route}". Use one of /v1/chat/completions, /v1/messages, /v1/embeddings.'
    if expect == "delay" and kind == "models":
        return "The list of models takes no time that could be more. Use another route."
    return None
