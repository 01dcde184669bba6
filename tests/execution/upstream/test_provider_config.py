"""A provider is told everything at once, and says everything that is wrong with it at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from gatebench.errors import ConfigurationError
from gatebench.execution.upstream.config import ProviderConfig
from gatebench.latency import LatencyModel

GOOD: dict[str, Any] = {
    "name": "provider-a",
    "port": 9001,
    "admin_token": "0123456789",
    "run": "0123abcd",
    "seed": 7,
    "stream_path": "attempts.arrow",
}


def write(folder: Path, config: object) -> Path:
    """A file that holds `config`."""
    path = folder / "provider.json"
    path.write_text(json.dumps(config))
    return path


def test_the_least_that_must_be_said(tmp_path: Path) -> None:
    """The rest has defaults: loopback, the shared latency model, ids in the header."""
    config = ProviderConfig.read(write(tmp_path, GOOD))
    assert (config.host, config.request_id, config.latency) == ("127.0.0.1", "header", LatencyModel())
    assert (config.process, config.processes, config.limits, [*config.rest]) == (0, 1, None, ["items"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "provider a"}, '"name"'),
        ({"host": "0.0.0.0"}, "not a loopback address"),
        ({"host": "example.com"}, "not a loopback address"),
        ({"port": 65_536}, '"port"'),
        ({"admin_token": ""}, '"admin_token"'),
        ({"run": "xyz"}, '"run"'),
        ({"request_id": "cookie"}, '"request_id"'),
        ({"latency": {"ttft_median_ms": -1}}, '"latency.ttft_median_ms"'),
        ({"latency": {"kind": "guessed"}}, '"guessed" is no latency model; choose one of lognormal, constant'),
        ({"latency": {"kind": "measured", "path": "a.csv"}}, "the measured latency has no values"),
        ({"limits": {}}, "limits without a limit"),
        ({"process": 2, "processes": 2, "admin_port": 9002}, "process 2 is none of 2; count them from 0"),
        ({"processes": 2}, "need an admin_port each"),
        ({"latencey": {}}, '"latencey" is not known here; remove it'),
        ({"vocabularies": {"tenant": ["a~b"]}}, 'the tenant "a~b" cannot stand in a stamp'),
        ({"vocabularies": {"fault": [str(number) for number in range(256)]}}, "its column holds 255"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """Each mistake is refused in words."""
    with pytest.raises(ConfigurationError) as error:
        ProviderConfig.read(write(tmp_path, GOOD | change))
    assert words in str(error.value)
    assert error.value.exit_code == 2


def test_every_problem_at_once(tmp_path: Path) -> None:
    """Two missing fields and a bad one are three sentences that name the file."""
    config = {key: value for key, value in GOOD.items() if key not in ("name", "seed")} | {"port": -1}
    path = write(tmp_path, config)
    with pytest.raises(ConfigurationError) as error:
        ProviderConfig.read(path)
    said = str(error.value).splitlines()
    assert len(said) == 3
    assert all(str(path) in line for line in said)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is an error with a cure."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ProviderConfig.read(tmp_path / "nowhere.json")


def test_a_file_that_is_not_json(tmp_path: Path) -> None:
    """It is an error, not a traceback."""
    path = tmp_path / "provider.json"
    path.write_text("{")
    with pytest.raises(ConfigurationError, match=r"provider\.json"):
        ProviderConfig.read(path)
