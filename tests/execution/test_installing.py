"""A target's own environment: made once, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from gatebench.environments import TargetEnvironment, cache_folder, environment_of, lacking
from gatebench.errors import EnvironmentFailure, Interrupted
from gatebench.execution import installing
from gatebench.execution.installing import install, remove
from gatebench.target import Install, Requirement, TargetDefinition

pytestmark = pytest.mark.e2e
SAYS = "#!/bin/sh\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache directory of this test's own."""
    monkeypatch.setenv("GATEBENCH_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache"


def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *steps: str, disk_mb: int = 1) -> TargetEnvironment:
    """An environment whose installer is shell commands in place of pip's."""
    found = TargetEnvironment("mine", Install(python=("mine==1.0",), disk_mb=disk_mb), tmp_path)
    monkeypatch.setattr(
        installing,
        "_steps",
        lambda one: [
            ["sh", "-c", f"mkdir -p {one.path}/bin; cd {one.path}; touch bin/python; {step}"] for step in steps
        ],
    )
    return found


def test_it_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second installation finds the first, tells nothing and changes nothing."""
    mine = environment(tmp_path, monkeypatch, "echo making; date +%N > program")
    told: list[str] = []
    assert install(mine, told.append)
    assert told == ["making"]
    assert mine.is_there
    before = (mine.path / "program").read_text()
    assert not install(mine, told.append)
    assert told == ["making"]
    assert (mine.path / "program").read_text() == before
    assert mine.size_bytes() > len(before)


def test_a_failure_half_way_keeps_nothing_and_says_the_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made before goes too, so that nothing half-made is ever started."""
    mine = environment(tmp_path, monkeypatch, "touch half", "seq 30; echo 'No matching distribution' >&2; exit 3")
    with pytest.raises(
        EnvironmentFailure, match=r"mine was not installed: .* ended with 3 after \d+ s\. Nothing"
    ) as failed:
        install(mine, lambda _: None)
    assert failed.value.log_tail[-1] == "No matching distribution"
    assert len(failed.value.log_tail) == 12
    assert not mine.path.exists()
    assert not mine.is_there


def test_what_a_killed_installer_left_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its marker an environment is not there, and the next installation begins with an empty folder."""
    mine = environment(tmp_path, monkeypatch, "test ! -e half && touch whole")
    mine.path.mkdir(parents=True)
    (mine.path / "half").touch()
    assert not mine.is_there
    assert install(mine, lambda _: None)
    assert sorted(path.name for path in mine.path.iterdir()) == ["bin", "installed.json", "whole"]


def test_another_list_of_packages_is_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both stand, for a run may be using the old one; neither is taken for the other, and both are taken away together."""
    old = environment(tmp_path, monkeypatch, "true")
    install(old, lambda _: None)
    new = TargetEnvironment("mine", Install(python=("mine==2.0",)), tmp_path)
    assert new.path != old.path
    assert not new.is_there
    install(new, lambda _: None)
    assert [path.is_dir() for path in (old.path, new.path)] == [True, True]
    assert remove(new, lambda _: None)
    assert [path.is_dir() for path in (old.path, new.path)] == [False, False]


def test_the_constraints_belong_to_it(tmp_path: Path) -> None:
    """Other versions of what the packages need are another environment."""
    (tmp_path / "pins.txt").write_text("a==1\n")
    mine = TargetEnvironment("mine", Install(python=("mine==1.0",), constraints="pins.txt"), tmp_path)
    before = mine.path
    (tmp_path / "pins.txt").write_text("a==2\n")
    assert mine.path != before


def test_no_room_is_said_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How much, where, and what to do."""
    mine = environment(tmp_path, monkeypatch, "true", disk_mb=10**9)
    with pytest.raises(EnvironmentFailure, match=r"takes 1000000000 MB.* MB free\. Make room, or set GATEBENCH_CACHE"):
        install(mine, lambda _: None)
    assert not mine.path.exists()


def test_one_that_takes_too_long_is_ended_and_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With whatever it started; nothing is kept."""
    mine = environment(tmp_path, monkeypatch, "echo fetching; sleep 600 & wait")
    monkeypatch.setattr(installing, "_PATIENCE_S", 3.0)
    with pytest.raises(EnvironmentFailure, match=r"mine was not installed: .* took more than 3 s") as failed:
        install(mine, lambda _: None)
    assert failed.value.log_tail == ("fetching",)
    assert not mine.path.exists()


def test_an_interruption_takes_away_what_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At whatever line it comes."""

    def interrupted(line: str) -> None:
        raise Interrupted(line)

    mine = environment(tmp_path, monkeypatch, "echo fetching; sleep 600")
    with pytest.raises(Interrupted):
        install(mine, interrupted)
    assert not mine.path.exists()


def test_a_variant_has_an_environment_of_its_own(tmp_path: Path) -> None:
    """So that two versions of one gateway can be compared."""
    target = TargetDefinition(description="x", entry="provider-a", install=Install(python=("mine==1.0",)))
    base = environment_of(target, tmp_path / "mine", tmp_path / "mine")
    variant = environment_of(target, tmp_path / "mine", tmp_path / "mine-old")
    assert base is not None and variant is not None
    assert (base.name, variant.name) == ("mine", "mine-old")
    assert base.path != variant.path


def test_a_missing_installer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""
    mine = environment(tmp_path, monkeypatch)
    monkeypatch.setattr(installing, "_steps", lambda _: [["npm-that-is-not-there"]])
    with pytest.raises(EnvironmentFailure, match="there is no program npm-that-is-not-there"):
        install(mine, lambda _: None)


def test_a_program_may_be_there_and_not_be_enough(tmp_path: Path) -> None:
    """Docker's client without an engine: what its check says stands beside the cure."""

    def lacks(*check: str) -> list[str]:
        needs = Requirement(program="sh", cure="start it", check=check)
        target = TargetDefinition(description="x", entry="provider-a", requires=(needs,))
        return [f"{one.what} {one.cure}" for one in lacking(target, tmp_path)]

    assert lacks() == []
    assert lacks("sh", "-c", "exit 0") == []
    assert lacks("sh", "-c", "echo no engine. >&2; exit 3") == [
        "needs `sh -c echo no engine. >&2; exit 3` to succeed, and it ended with 3: no engine. Try: start it."
    ]
    assert "ended as FileNotFoundError" in lacks("no-such-program")[0]


def test_it_is_taken_away_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only it: another target's stays."""
    mine = environment(tmp_path, monkeypatch, "true")
    other = cache_folder() / "mine-too-0123456789"
    other.mkdir(parents=True)
    install(mine, lambda _: None)
    assert remove(mine, lambda _: None)
    assert not mine.path.exists()
    assert other.is_dir()
    assert not remove(mine, lambda _: None)


def test_a_real_virtual_environment_is_made(tmp_path: Path) -> None:
    """By venv and its own pip, checked by a program from within; here nothing is fetched, for there is nothing to install."""
    mine = TargetEnvironment("mine", Install(python=("pip==0",), check=("{{ installed }}/bin/python", "-V")), tmp_path)
    cache_folder().mkdir(parents=True)
    steps = installing._steps(mine)
    told: list[str] = []
    for command in (steps[0], steps[2]):
        installing._run(mine, command, told.append)
    assert told[0].startswith("Python 3.")
    assert "--no-input" in steps[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, 'needs one of "python" and "npm"'),
        ({"python": ("a==1",), "npm": "node"}, 'needs one of "python" and "npm"'),
        ({"python": ("a>=1",)}, "names no exact version"),
        ({"python": ("--index-url=http://elsewhere",)}, "names no exact version"),
        ({"npm": "../node"}, "outside the target"),
        ({"python": ("a==1",), "constraints": "/etc/pins"}, "outside the target"),
    ],
)
def test_what_cannot_be_installed_is_refused(given: dict[str, object], said: str) -> None:
    """When target.toml is read."""
    with pytest.raises(ValidationError, match=said):
        Install.model_validate(given)
