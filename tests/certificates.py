"""Certificates for tests, made on the spot with the openssl program: an authority, and leaves that are right or wrong in one way."""

from __future__ import annotations

import functools
import ssl
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
LOCAL = "DNS:localhost,IP:127.0.0.1,IP:::1"


@dataclass(frozen=True)
class Leaf:
    """A certificate with its key, as a server needs them."""

    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """Return a server's context."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Authority:
    """A CA of the test's own; `ca` is its certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        self._openssl(
            "req", "-x509", *_KEY, "-keyout", self._key, "-out", self.ca, "-days", 2, "-subj", "/CN=a test's CA"
        )

    def leaf(self, name: str = "good", *, names: str = LOCAL, days: int = 2, self_signed: bool = False) -> Leaf:
        """Return a leaf for `names`; one of days below 0 has expired."""
        made = Leaf(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        subject = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={names}")
        if self_signed:
            self._openssl("req", "-x509", *_KEY, "-keyout", made.key, "-out", made.certificate, "-days", days, *subject)
            return made
        request = self.folder / f"{name}.csr"
        self._openssl("req", *_KEY, "-keyout", made.key, "-out", request, *subject)
        signing = ("-CA", self.ca, "-CAkey", self._key, "-CAcreateserial", "-copy_extensions", "copy")
        self._openssl("x509", "-req", "-in", request, *signing, "-days", days, "-out", made.certificate)
        return made

    @staticmethod
    def _openssl(*arguments: object) -> None:
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@functools.cache
def authority() -> Authority:
    """Return the authority of this test session."""
    return Authority(Path(tempfile.mkdtemp(prefix="gatebench-certificates-")))


@functools.cache
def leaf(kind: str = "good") -> Leaf:
    """Return the leaf of a kind: good, expired, self-signed, elsewhere (for another name), or of an unknown CA."""
    if kind == "unknown":
        return Authority(Path(tempfile.mkdtemp(prefix="gatebench-certificates-"))).leaf()
    made = {
        "good": {},
        "expired": {"days": -1},
        "self-signed": {"self_signed": True},
        "elsewhere": {"names": "DNS:gateway.example"},
    }[kind]
    return authority().leaf(kind, **made)  # type: ignore[arg-type]  # keyword by keyword
