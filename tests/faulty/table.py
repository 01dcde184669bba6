"""The table of faulty gateways and profiles: what is wrong with each, and which checks have to see it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

HERE: Final = Path(__file__).resolve().parent


class Profile(BaseModel):
    """A short scenario of `tests/faulty/scenarios/` that asks one family of checks; `target` is what the gateways extend, `family`
    the file it stands in.

    Not `virtual` are those that need what is not of the virtual world: Redis, links, processes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = Field(min_length=1)
    family: str
    target: str = "reference"
    virtual: bool = True


class Gateway(BaseModel):
    """A gateway with one fault. `fails` are the checks that have to turn red (`PROFILE/METRIC` or `PROFILE/METRIC/PHASE`),
    `also` those that the same fault may turn red as a consequence, with `why` (`PROFILE/*` are all of a profile); every other
    check stays green.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    family: str
    about: str = Field(min_length=1)
    fails: tuple[str, ...] = Field(min_length=1)
    also: tuple[str, ...] = ()
    why: str = ""

    def is_looked_for_in(self, profile: str) -> bool:
        """Tell whether a check of a profile has to turn red."""
        return any(which.startswith(f"{profile}/") for which in self.fails)

    def may_fail(self, check: str) -> bool:
        """Tell whether a check may be red as a consequence."""
        return any(fnmatchcase(check, pattern) for pattern in self.also)


class Table(BaseModel):
    """All of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: dict[str, Profile]
    gateway: tuple[Gateway, ...]


def expectation(gateway: Gateway | None, check: str, verdicts: Mapping[str, int]) -> tuple[str, bool]:
    """Return what a check has to say of a gateway (None is the correct one), and whether it said so often enough.

    Its own fault has to be seen in 19 of 20 seeds; of any other a faulty gateway may raise one alarm in 20, the correct one none.
    """
    total = sum(verdicts.values())
    if verdicts.get("lost"):
        return "played", False
    if gateway is not None and check in gateway.fails:
        return "fail", verdicts.get("fail", 0) >= 0.95 * total
    if gateway is not None and gateway.may_fail(check):
        return "any", True
    not_green = verdicts.get("fail", 0) + verdicts.get("unknown", 0)
    return "pass", not_green == 0 or (gateway is not None and not_green <= 0.05 * total)


def load() -> Table:
    """Return everything that stands in `tables/`, one file a family."""
    profiles: dict[str, Any] = {}
    gateways: list[Any] = []
    for path in sorted((HERE / "tables").glob("*.toml")):
        family = tomllib.loads(path.read_text())
        name = {"family": path.stem}
        profiles |= {profile: facts | name for profile, facts in family.get("profile", {}).items()}
        gateways += [gateway | name for gateway in family.get("gateway", [])]
    return Table.model_validate({"profile": profiles, "gateway": gateways})
