"""What is to be heard of a target besides its answers: where its page of metrics is, and which Prometheus watches it."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from gatebench.execution import prometheus
from gatebench.execution.asking import Problems, RunRequest, allowed_url
from gatebench.execution.standing import Standing, behind
from gatebench.plan import Endpoint, PagePlan, PrometheusPlan, TargetPlan, TlsPlan

NONE: Final = "none"
_USUAL: Final = "/metrics"


def planned_page(request: RunRequest, target: TargetPlan, problems: Problems) -> PagePlan | None:
    """Return where the target's page is: what its folder declares, or what `--metrics` says."""
    asked = request.metrics
    if asked == NONE:
        return None
    if asked is not None and not asked.startswith("/"):
        return _elsewhere(asked, request, problems)
    if not target.is_ours:
        return _of_running(asked, target, problems)
    if asked is not None:
        cure = f'A target\'s folder says it: metrics = "{_USUAL}". Leave it out, name a URL, or {NONE}.'
        problems.say(f"--metrics {asked}", "is for a gateway that runs already.", cure)
    path = target.definition.metrics if target.definition and target.definition.front else None
    return PagePlan(path=path) if path else None


def _of_running(asked: str | None, target: TargetPlan, problems: Problems) -> PagePlan | None:
    """Return the page at the gateway's own address; of one that stands by `bench up` it is known without asking."""
    stands = behind(target)
    definition = stands.plan.target.definition if stands else None
    path, at = asked or (definition.metrics if definition else None), _own_address(target, stands)
    if path is None or at is None:
        return None
    if not re.fullmatch(r"/[!-~]*", path) or (asked is not None and "?" in asked):
        shown = path.partition("?")[0]
        problems.say(f"--metrics {shown}", "is no path without a query.", f"Write for instance {_USUAL}.")
        return None
    return PagePlan(path=path, at=at)


def _elsewhere(asked: str, request: RunRequest, problems: Problems) -> PagePlan | None:
    """Return the page at an address of its own, as exporters have one."""
    try:
        parts = urlsplit(asked)
    except ValueError as error:
        problems.say("--metrics", f"this is no URL: {error}.", f"Write http://127.0.0.1:PORT{_USUAL}.")
        return None
    if parts.scheme != "http" or not parts.netloc or parts.query or parts.fragment or not parts.path.isascii():
        shown = asked.partition("?")[0].partition("#")[0].rpartition("@")[2]
        cure = f"Write {_USUAL} or http://127.0.0.1:PORT{_USUAL}."
        problems.say(f"--metrics {shown}", "is neither a path nor an http:// address without a query.", cure)
        return None
    url = allowed_url(f"http://{parts.netloc}", "--metrics", request, problems)
    if url is None:
        return None
    found = urlsplit(url)
    path = parts.path if parts.path not in {"", "/"} else _USUAL
    return PagePlan(path=path, at=Endpoint(host=found.hostname or "", port=found.port or 80, authority=found.netloc))


def planned_prometheus(request: RunRequest, target: TargetPlan, problems: Problems) -> PrometheusPlan | None:
    """Return which Prometheus is asked for what after the load; one that does not answer now is a problem."""
    if request.prometheus is None:
        if request.prometheus_match is not None:
            cure = "Add --prometheus http://127.0.0.1:9090."
            problems.say(f"--prometheus-match {request.prometheus_match}", "has no Prometheus to ask.", cure)
        return None
    before = len(problems)
    url = None
    if re.match("https?://", request.prometheus):
        url = allowed_url(request.prometheus, "--prometheus", request, problems)
    else:
        problems.say(f"--prometheus {request.prometheus}", "this is no URL.", "Write http://127.0.0.1:9090.")
    match = request.prometheus_match or _instance(target)
    if match is None:
        cure = "Add --prometheus-match '{job=\"…\"}', or leave the target standing: bench up, then --target up:NAME."
        problems.say("--prometheus", f"{target.name} has no address that a Prometheus could know before the run.", cure)
    if url is None or match is None or len(problems) > before:
        return None
    plan = PrometheusPlan(url=url, match=match)
    why = prometheus.refusal(plan, request.allow_remote)
    if why is not None:
        cure = "Start the Prometheus first, or correct its address or --prometheus-match."
        problems.say(f"--prometheus {url}", f"{why}.", cure)
        return None
    return plan


def _instance(target: TargetPlan) -> str | None:
    """Return the selector of the target's own address, as a Prometheus labels what it scrapes there."""
    if target.is_ours:
        listen = target.definition.listen if target.definition and target.definition.front else "auto"
        return f'{{instance="{listen}"}}' if ":" in listen else None  # else its port is another with every run
    at = _own_address(target, behind(target))
    return None if at is None or at.unix is not None else f'{{instance="{at.authority or at.host_header()}"}}'


def _own_address(target: TargetPlan, stands: Standing | None) -> Endpoint | None:
    """Return the address of a gateway that runs already, past the link of one that stands by `bench up`; None without a gateway."""
    if target.unix is not None:
        return Endpoint(unix=target.unix, authority="localhost")
    if stands is not None:
        if stands.gateway is None:
            return None
        host, _, port = stands.gateway.rpartition(":")
        tls = stands.plan.target.definition.tls if stands.plan.target.definition else None
        trust = TlsPlan(server_name=tls.server_name, verify=False) if tls else None
        return Endpoint(host=host.strip("[]"), port=int(port), tls=trust)
    parts = urlsplit(target.url or "")
    host, usual = parts.hostname or "", 443 if parts.scheme == "https" else 80
    authority = parts.netloc if parts.port else f"{parts.netloc}:{usual}"
    return Endpoint(host=host, port=parts.port or usual, tls=target.tls, authority=authority)
