"""The table of faulty gateways is whole: every check that a shipped scenario makes has been seen to fail."""

from __future__ import annotations

import pytest

from gatebench.content import Content
from tests.faulty.table import HERE, load

CONTENT, TABLE = Content(), load()
NO_GATEWAY = {
    "overhead_floor_median_ms": "both of its lanes pass the gateway by; it is our own noise",
}


@pytest.mark.parametrize("name", CONTENT.scenario_names())
def test_every_metric_of_a_scenario_has_turned_red(name: str) -> None:
    """For each metric there is a gateway with exactly that fault."""
    red = {which.split("/")[1] for gateway in TABLE.gateway for which in gateway.fails}
    used = {use.metric for use in CONTENT.scenario(name).scenario.checks}
    assert used - red - NO_GATEWAY.keys() == set()


def test_every_gateway_of_the_table_is_there() -> None:
    """Each has its file with a sentence and a `spoil`, and profiles that exist have files too."""
    for gateway in TABLE.gateway:
        text = (HERE / "gateways" / f"{gateway.name.replace('-', '_')}.py").read_text()
        assert text.startswith('"""')
        assert "def spoil() -> None:" in text, gateway.name
        for which in gateway.fails:
            assert which.split("/")[0] in TABLE.profile, which
    for profile in TABLE.profile:
        assert (HERE / "scenarios" / f"{profile.replace('-', '_')}.py").exists()
