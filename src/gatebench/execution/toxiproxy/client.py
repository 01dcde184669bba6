"""The one client of both engines, over the package toxiproxy-python, whose gaps are closed here and nowhere else.

The package keeps host and port in class attributes (one server a process), waits for ever, shows a taken port as KeyError,
and knows no update of a toxic. Each `Engine` therefore owns a private copy of it, in which the name `requests` is bound to
a `_Courier`: deadlines, the guard of loopback, and errors in sentences.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

import requests
from prometheus_client.parser import text_string_to_metric_families

from gatebench import guard
from gatebench.errors import ConfigurationError, EnvironmentFailure, Problem

_AT_HEADER = "x-gatebench-at-ns"
_ENGINE_HEADER = "x-gatebench-engine"
_EFFECTS = "gatebench_toxic_effects_total"
_PATIENCE_S = 0.02
_copies = itertools.count(1)


class Refused(EnvironmentFailure):
    """The engine answered, and refused; `status` is the HTTP status."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.status = status


@dataclass(frozen=True)
class ToxicState:
    """A toxic as the engine shows it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: Mapping[str, int | float]


@dataclass(frozen=True)
class LinkState:
    """A proxy of ours as the engine shows it."""

    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[ToxicState, ...]


class _Courier:
    """Stands in for the module `requests` within a private copy of the package."""

    def __init__(self, url: str, timeout_s: float, allow_remote: Collection[str]) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._allow_remote = allow_remote
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy or a .netrc of the environment has no business on a control path
        self._session.headers["connection"] = "close"  # calls are rare; a kept connection may be stale when one is due

    def get(self, url: str, params: Any = None) -> requests.Response:
        """Send a GET."""
        return self._send("GET", url, params=params)

    def post(self, url: str, data: Any = None, json: Any = None) -> requests.Response:
        """Send a POST."""
        return self._send("POST", url, data=data, json=json)

    def delete(self, url: str) -> requests.Response:
        """Send a DELETE."""
        return self._send("DELETE", url)

    def _send(self, method: str, url: str, **content: Any) -> requests.Response:
        parts = urlsplit(url)
        try:
            guard.resolve(parts.hostname or "", parts.port or 80, self._allow_remote)
        except guard.RemoteRefused as error:
            cure = f"Name it with --allow-remote {parts.hostname}, or use a Toxiproxy on this machine."
            raise ConfigurationError([Problem(self._url, f"{str(error).partition(';')[0]}.", cure)]) from error
        except OSError as error:
            raise EnvironmentFailure(f"The host of Toxiproxy at {self._url} is not known: {error}.") from error
        try:
            answer = self._session.request(method, url, timeout=self._timeout_s, allow_redirects=False, **content)
        except requests.Timeout as error:
            raise EnvironmentFailure(
                f"Toxiproxy at {self._url} took longer than {self._timeout_s:g} s for {method} {parts.path}."
            ) from error
        except requests.RequestException as error:
            raise EnvironmentFailure(
                f"Toxiproxy at {self._url} does not answer {method} {parts.path}: {error}."
            ) from error
        if not answer.ok:
            raise Refused(
                answer.status_code, f"Toxiproxy at {self._url} refused {method} {parts.path}: {_reason(answer)}."
            )
        return answer


class Engine:
    """One Toxiproxy server, ours or the real one, and the proxies on it whose names begin with `prefix`.

    Every call raises EnvironmentFailure when the server cannot be reached, takes longer than `timeout_s` seconds, or
    refuses. Methods that change something return the monotonic time in nanoseconds at which the change had taken effect:
    the engine's own word where it gives one, else the moment its answer was here. Engines of one process do not share
    anything, and may be used from several threads.
    """

    def __init__(self, url: str, *, prefix: str, timeout_s: float = 2.0, allow_remote: Collection[str] = ()) -> None:
        parts = _split(url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            cure = "Write http://HOST:PORT, as in http://127.0.0.1:8474."
            raise ConfigurationError([Problem(url, "this is not the address of a Toxiproxy API.", cure)])
        self.url = url.rstrip("/")
        self._prefix = prefix
        package = _private_package(_Courier(self.url, timeout_s, allow_remote))
        self._server = package.Toxiproxy()
        self._api = package.api.APIConsumer
        self._taken: type[Exception] = package.server.ProxyExists
        self._server.update_api_consumer(
            f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname, parts.port or 80
        )

    def version(self) -> str:
        """Return the version the server reports."""
        return str(self._hello()[0])

    def is_embedded(self) -> bool:
        """Tell whether the server is ours, with its times to live and its own word on when a change took effect."""
        return self._hello()[1]

    def wait_ready(self, within_s: float) -> None:
        """Wait until the server answers; EnvironmentFailure after `within_s` seconds."""
        give_up_s = time.monotonic() + within_s
        while True:
            try:
                self._hello()
                return
            except EnvironmentFailure as failure:
                if time.monotonic() >= give_up_s:
                    raise EnvironmentFailure(f"Not ready within {within_s:g} s: {failure}") from failure
                time.sleep(_PATIENCE_S)

    def proxy_name(self, link: str) -> str:
        """Return the name that a link has on the server."""
        return self._prefix + link

    def add_link(self, name: str, listen: str, upstream: str) -> str:
        """Create the proxy of a link; returns the `host:port` it really listens on."""
        try:
            proxy = self._server.create(upstream=upstream, name=self.proxy_name(name), listen=listen)
        except self._taken as error:
            raise EnvironmentFailure(
                f'Toxiproxy at {self.url} has a proxy called "{self.proxy_name(name)}" already; delete it, or wait for its run.'
            ) from error
        except Refused as refusal:
            raise Refused(
                refusal.status, f"The link {name} cannot listen on {listen} and connect to {upstream}. {refusal}"
            ) from refusal
        return str(proxy.listen)

    def move_link(self, name: str, upstream: str) -> int:
        """Lead a link somewhere else; closes its live connections when that changes anything."""
        return self._change(self._path(name), {"upstream": upstream})

    def take_down(self, name: str, ttl_ms: int) -> int:
        """Refuse new connections of a link and close the live ones; our engine ends that by itself after `ttl_ms`."""
        return self._change(self._path(name), {"enabled": False, "ttl_ms": ttl_ms})

    def bring_up(self, name: str) -> int:
        """Accept connections of a link again; harmless when it is up."""
        return self._change(self._path(name), {"enabled": True})

    def add_toxic(
        self,
        link: str,
        toxic: str,
        type: str,
        stream: str,
        attributes: Mapping[str, int | float],
        *,
        toxicity: float = 1.0,
        ttl_ms: int = 0,
    ) -> int:
        """Put a toxic on a link; our engine takes it off by itself after `ttl_ms`, if that is not 0.

        Our engine chooses victims by the link's name without the prefix, so that two runs with one seed have the same.
        """
        content = {
            "name": toxic,
            "type": type,
            "stream": stream,
            "toxicity": toxicity,
            "attributes": dict(attributes),
            "ttl_ms": ttl_ms,
            "draw_as": link,
        }
        return self._change(f"{self._path(link)}/toxics", content)

    def change_toxic(
        self, link: str, toxic: str, attributes: Mapping[str, int | float], *, toxicity: float, ttl_ms: int = 0
    ) -> int:
        """Give a toxic on a link other values; with `ttl_ms` its time to live on our engine begins anew."""
        content = {"attributes": dict(attributes), "toxicity": toxicity, "ttl_ms": ttl_ms}
        return self._change(f"{self._path(link)}/toxics/{quote(toxic, safe='')}", content)

    def remove_toxic(self, link: str, toxic: str) -> int:
        """Take a toxic off a link; harmless when it, or the link, is gone."""
        sent_ns = time.monotonic_ns()
        try:
            answer = self._api.delete(f"{self._path(link)}/toxics/{quote(toxic, safe='')}")
        except Refused as refusal:
            if refusal.status != 404:
                raise
            return time.monotonic_ns()
        return _effective_ns(answer, sent_ns)

    def hits(self, link: str, toxic: str) -> int | None:
        """Return how many connections a toxic on a link has acted on, also when it is off again; None from a server that does not count."""
        try:
            text = self._api.get("/metrics").text
        except Refused:
            return None
        wanted = {"proxy": self.proxy_name(link), "toxic": toxic, "effect": "connections_hit"}
        counted = [
            int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == _EFFECTS and wanted.items() <= sample.labels.items()
        ]
        return sum(counted) if counted else None

    def state(self) -> dict[str, LinkState]:
        """Return our links on the server, by name without the prefix."""
        return {
            name.removeprefix(self._prefix): _link_state(shown)
            for name, shown in self._api.get("/proxies").json().items()
            if name.startswith(self._prefix)
        }

    def remove_all(self) -> None:
        """Delete our proxies, and leave everybody else's alone; one that is refused keeps none of the others."""
        refused: list[Refused] = []
        for name, proxy in self._server.proxies().items():
            if name.startswith(self._prefix):
                try:
                    proxy.destroy()
                except Refused as refusal:
                    if refusal.status != 404:
                        refused.append(refusal)
        if refused:
            raise refused[0]

    def _path(self, link: str) -> str:
        return f"/proxies/{quote(self.proxy_name(link), safe='')}"

    def _change(self, path: str, content: Mapping[str, Any]) -> int:
        sent_ns = time.monotonic_ns()
        return _effective_ns(self._api.post(path, json=content), sent_ns)

    def _hello(self) -> tuple[str, bool]:
        answer = self._api.get("/version")
        try:
            return answer.json()["version"], _ENGINE_HEADER in answer.headers
        except (ValueError, KeyError, TypeError) as error:
            raise EnvironmentFailure(f"Something answers at {self.url}, but it is not Toxiproxy.") from error


def _split(url: str) -> SplitResult:
    """Return the parts of a URL; none when it is no URL, or its port is none."""
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else SplitResult("", "", "", "", "")
    except ValueError:
        return SplitResult("", "", "", "", "")


def _private_package(courier: _Courier) -> ModuleType:
    """Return a copy of the package `toxiproxy` that nobody else sees, with `courier` in the place of `requests`."""
    found = importlib.util.find_spec("toxiproxy")
    if found is None or found.origin is None:
        raise EnvironmentFailure("The package toxiproxy-python is not installed; pip install toxiproxy-python.")
    name = f"_gatebench_toxiproxy_{next(_copies)}"
    spec = importlib.util.spec_from_file_location(
        name, found.origin, submodule_search_locations=list(found.submodule_search_locations or ())
    )
    assert spec is not None and spec.loader is not None  # noqa: S101 - a file that was found has both
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    try:
        spec.loader.exec_module(package)
        package.api.requests = courier
    finally:
        for module in [module for module in list(sys.modules) if module == name or module.startswith(f"{name}.")]:
            del sys.modules[module]
    return package


def _effective_ns(answer: requests.Response, sent_ns: int) -> int:
    """Return when a change took effect. The engine's word counts if its clock is ours: then it lies within the call."""
    answered_ns = time.monotonic_ns()
    at_ns = answer.headers.get(_AT_HEADER, "")
    if at_ns.isdigit() and sent_ns <= int(at_ns) <= answered_ns:
        return int(at_ns)
    return answered_ns


def _reason(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.status_code} {answer.text.strip()[:200]}"


def _link_state(shown: Mapping[str, Any]) -> LinkState:
    toxics = tuple(
        ToxicState(toxic["name"], toxic["type"], toxic["stream"], toxic["toxicity"], toxic["attributes"])
        for toxic in shown["toxics"]
    )
    return LinkState(shown["listen"], shown["upstream"], shown["enabled"], toxics)
