"""Asks what listens at a place: does it answer yet; would it please die."""

from __future__ import annotations

import contextlib
import http.client

from gatebench import tls
from gatebench.execution.topology.place import Place
from gatebench.plan import TlsPlan


def answers(place: Place, path: str | None, status: int, *, secure: bool = False) -> bool:
    """Tell whether somebody answers as wanted; whether its certificate verifies is for the load to find."""
    try:
        with _connection(place, secure=secure) as connection:
            connection.connect()
            if path is None:
                return True
            connection.request("GET", path)
            return connection.getresponse().status == status
    except (OSError, http.client.HTTPException):
        return False


def _connection(place: Place, *, secure: bool = False) -> contextlib.closing[http.client.HTTPConnection]:
    if secure:
        context = tls.context(TlsPlan(server_name="localhost", verify=False))
        return contextlib.closing(http.client.HTTPSConnection(place.host, place.port, timeout=1.0, context=context))
    return contextlib.closing(http.client.HTTPConnection(place.host, place.port, timeout=1.0))


def ask_to_die(admin: Place, token: str) -> None:
    """Have a provider close its books and end itself; silent when it does not hear us."""
    with contextlib.suppress(OSError, http.client.HTTPException), _connection(admin) as connection:
        connection.request("POST", "/__gatebench__/die", headers={"x-gatebench-token": token, "content-length": "0"})
        connection.getresponse()
