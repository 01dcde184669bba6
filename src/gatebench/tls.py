"""TLS as a client speaks it: whom it trusts, and how a failure reads in words. Verification is on unless somebody turns it off."""

from __future__ import annotations

import socket
import ssl
from typing import Protocol


class Trust(Protocol):
    """What `plan.TlsPlan` says."""

    @property
    def ca(self) -> str | None:
        """A PEM file, None for the system's authorities."""

    @property
    def verify(self) -> bool:
        """Whether certificates are verified."""


def context(trust: Trust) -> ssl.SSLContext:
    """Return a client's context for HTTP/1.1; OSError (ssl.SSLError among them) when the CA file is none."""
    made = ssl.create_default_context(cafile=trust.ca)
    if not trust.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    made.set_alpn_protocols(["http/1.1"])
    return made


def refusal(host: str, port: int, server_name: str, trust: Trust, timeout_s: float = 3.0) -> str | None:
    """Shake hands once and return why that fails, in words; None when it works. OSError when nobody listens there."""
    with socket.create_connection((host, port), timeout=timeout_s) as plain:
        try:
            with context(trust).wrap_socket(plain, server_hostname=server_name):
                return None
        except ssl.SSLCertVerificationError as error:
            return f"its certificate does not verify: {error.verify_message.rstrip('.')}"
        except ssl.SSLError as error:
            return f"the TLS handshake fails: {error.reason or error}"
        except TimeoutError:
            return "it does not answer to a TLS handshake"
        except ConnectionError:
            return "it hangs up during the TLS handshake"
