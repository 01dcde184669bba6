"""The vendored libraries are the published files, and their licences are there."""

from __future__ import annotations

import hashlib
import re

import pytest

from gatebench.content import shipped_root

VENDOR = shipped_root() / "reports" / "vendor"
LISTED = re.findall(r"^\| `([^`]+)` \|.*\| ([\d.]+) \|.*`([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.M)


def test_every_script_is_listed() -> None:
    """The README lists each vendored script, and nothing else."""
    assert sorted(name for name, _, _ in LISTED) == sorted(path.name for path in VENDOR.glob("*.js"))


@pytest.mark.parametrize(("name", "version", "digest"), LISTED)
def test_file_is_the_published_one(name: str, version: str, digest: str) -> None:
    """Each file has the digest and the version that the README states."""
    content = (VENDOR / name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == digest
    assert f"v{version} Copyright".encode() in content[:200]


def test_licences_are_there() -> None:
    """The licence of each library and of what is bundled into it is in LICENSES.txt."""
    text = (VENDOR / "LICENSES.txt").read_text()
    for name in ("@observablehq/plot", "d3 ", "d3-ease", "d3-scale-chromatic", "delaunator", "robust-predicates"):
        assert name in text
    for name in ("isoformat", "interval-tree-1d"):
        assert name in text
