"""What a body asks for: a toxic, a proxy, or a list of proxies; it is read whole before anything is done."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from gatebench.execution.toxiproxy import toxics as _shipped_toxics  # noqa: F401 - importing it registers them
from gatebench.execution.toxiproxy.body import Fields
from gatebench.execution.toxiproxy.refusal import Findings, Refusal
from gatebench.execution.toxiproxy.toxic import DIRECTIONS, Kind, Toxic, kinds


@dataclass(frozen=True)
class WantedToxic:
    """A toxic as somebody asks for it, and how long it shall live (0: until it is removed)."""

    toxic: Toxic
    ttl_ms: int = 0


@dataclass(frozen=True)
class WantedProxy:
    """A proxy as somebody asks for it; `toxics` is None when nothing is said about them."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[WantedToxic, ...] | None = None


def wanted_toxic(fields: Fields, proxy: str, taken: Collection[str]) -> WantedToxic:
    """Return the toxic that `fields` asks for on `proxy`, whose toxics have the names `taken`; raises Refusal."""
    stream = fields.text("stream", "downstream")
    name = fields.text("name")
    if stream.lower() not in DIRECTIONS:
        raise Refusal(400, "stream was invalid, can be either upstream or downstream")
    kind = kinds().get(fields.text("type"))
    if kind is None:
        raise Refusal(400, "invalid toxic type")
    name = name or f"{kind.name}_{stream}"
    if name in taken:
        raise Refusal(409, "toxic already exists")
    findings = Findings()
    wanted = WantedToxic(
        Toxic(
            name=findings.read(lambda: _usable(name), name),
            kind=kind,
            stream=stream,
            toxicity=findings.read(lambda: fields.share("toxicity", 1.0), 1.0),
            attributes=findings.read(lambda: kind.merge({}, fields.object("attributes")), {}),
            draw_as=findings.read(lambda: fields.text("draw_as"), "") or proxy,
        ),
        findings.read(lambda: fields.count("ttl_ms"), 0),
    )
    findings.settle()
    return wanted


def wanted_change(fields: Fields, kind: Kind, old: Toxic) -> WantedToxic:
    """Return the toxicity, the attributes and the time to live that `fields` gives to `old`; raises one Refusal."""
    findings = Findings()
    toxicity = findings.read(lambda: fields.share("toxicity", old.toxicity), 0.0)
    attributes = findings.read(lambda: kind.merge(old.attributes, fields.object("attributes")), dict(old.attributes))
    ttl_ms = findings.read(lambda: fields.count("ttl_ms"), 0)
    findings.settle()
    return WantedToxic(Toxic(old.name, kind, old.stream, toxicity, attributes, old.draw_as, old.effects), ttl_ms)


def wanted_proxy(fields: Fields) -> WantedProxy:
    """Return the proxy that `fields` asks for; raises Refusal."""
    name, upstream = fields.text("name"), fields.text("upstream")
    listen, enabled = fields.text("listen"), fields.flag("enabled", True)  # wrong types first, missing fields second
    toxics = fields.optional_array("toxics")
    for field, value in (("name", name), ("upstream", upstream)):
        if not value:
            raise Refusal(400, f"missing required field: {field}")
    read = None if toxics is None else tuple(_toxics(toxics, name))
    return WantedProxy(_usable(name), listen, upstream, enabled, read)


def wanted_proxies(value: Any) -> list[WantedProxy]:
    """Return the proxies that a body of /populate or a file asks for: an array, or {"proxies": [...]}.

    Raises one Refusal for all entries in which something is wrong.
    """
    if isinstance(value, dict):
        fields = Fields(value)
        if "proxies" not in fields:
            raise Refusal(400, 'bad request body: write an array of proxies, or {"proxies": [...]}')
        value = fields.optional_array("proxies")
    if value is not None and not isinstance(value, list):
        raise Refusal(400, "bad request body: the body must be an array of proxies")
    wanted: list[WantedProxy] = []
    findings = Findings()
    for place, entry in enumerate(value or [], start=1):
        try:
            wanted.append(wanted_proxy(Fields(entry)))
        except Refusal as refusal:
            findings.add(refusal.at(f"at proxy {place}"))
    findings.settle()
    return wanted


def _toxics(entries: Iterable[Any], proxy: str) -> list[WantedToxic]:
    read: list[WantedToxic] = []
    findings = Findings()
    for place, entry in enumerate(entries, start=1):
        try:
            read.append(wanted_toxic(Fields(entry), proxy, [one.toxic.name for one in read]))
        except Refusal as refusal:
            findings.add(refusal.at(f"at toxic {place}"))
    findings.settle()
    return read


def _usable(name: str) -> str:
    if "/" in name:
        raise Refusal(400, f'the name "{name}" contains "/" and could never be reached by its URL; leave it out')
    return name
