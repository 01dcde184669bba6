"""Finds and loads the four content folders: what a user feeds the machine. The user's own files win over the shipped ones."""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import importlib
import os
import re
import sys
import tomllib
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from gatebench.errors import ConfigurationError, Problem
from gatebench.extending import extended
from gatebench.fault_plan import FaultPlan
from gatebench.faults import FaultDefinition, parameter_problems
from gatebench.latency import MeasuredLatency
from gatebench.latency_trace import filled
from gatebench.scenario import Scenario
from gatebench.sources import from_source
from gatebench.suite import Suite
from gatebench.target import TargetDefinition

FOLDERS = ("scenarios", "targets", "chaos", "reports")
_PARENT = "_gatebench_scenarios"
_PATCHING = ("locust", "gevent", "gatebench.locust")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario with its name, its title and the digest of the file it came from."""

    name: str
    title: str
    digest: str
    path: Path
    scenario: Scenario


@dataclass(frozen=True)
class LoadedTarget:
    """A target: `folder` holds its templates, and is that of the target it extends, if any; `own` holds its own file."""

    name: str
    folder: Path
    definition: TargetDefinition
    own: Path


@contextlib.contextmanager
def _without(modules: Iterable[str]) -> Iterator[None]:
    """Make importing `modules` fail at once while a scenario is loaded."""
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(dict.fromkeys(modules))  # type: ignore[arg-type]  # None is how the import system is told "never"
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def _patches(module: str) -> bool:
    """Tell whether importing `module` replaces sockets and sleep of the whole process."""
    return any(module == name or module.startswith(f"{name}.") for name in _PATCHING)


def shipped_root() -> Path:
    """Return where the shipped content stands: inside the installed package, or at the root of the repository."""
    package = Path(__file__).resolve().parent
    packaged = package / "_content"
    return packaged if packaged.is_dir() else package.parent.parent


class Content:
    """The content folders of a workspace, over the shipped ones."""

    def __init__(self, workspace: Path | None = None) -> None:
        self.workspace = (workspace or Path(os.environ.get("GATEBENCH_WORKSPACE", "."))).resolve()
        roots = [self.workspace, shipped_root()]
        self.roots = tuple(dict.fromkeys(roots))

    def folders(self, kind: str) -> tuple[Path, ...]:
        """Return the existing folders of `kind` (scenarios, targets, chaos, reports), the user's first."""
        return tuple(root / kind for root in self.roots if (root / kind).is_dir())

    def scenario_names(self) -> list[str]:
        """Return the names of all scenarios."""
        return self._names(
            "scenarios", (path for path in self._files("scenarios", "*.py") if not path.name.startswith("_"))
        )

    def suite_names(self) -> list[str]:
        """Return the names of all suites."""
        return self._names("scenarios", self._files("scenarios", "*.toml"))

    def target_names(self) -> list[str]:
        """Return the names of all targets."""
        return sorted({path.parent.name for path in self._files("targets", "*/target.toml")})

    def fault_names(self) -> list[str]:
        """Return the names of all faults."""
        return self._names("chaos", (path for path in self._files("chaos", "*.toml") if not _is_plan(path)))

    def plan_names(self) -> list[str]:
        """Return the names of all fault plans."""
        return self._names("chaos", (path for path in self._files("chaos", "*.toml") if _is_plan(path)))

    def scenario(self, name: str) -> LoadedScenario:
        """Load a scenario; ConfigurationError holds every problem of its file."""
        path = self._find("scenarios", f"{name.replace('-', '_')}.py") or self._find("scenarios", f"{name}.py")
        if path is None:
            raise ConfigurationError([_unknown("scenario", name, self.scenario_names())])
        where = f"scenarios/{path.name}"
        module = self._import(path.stem, path, where)
        found = getattr(module, "scenario", None)
        if not isinstance(found, Scenario):
            raise ConfigurationError([Problem(where, 'has no "scenario".', "Add scenario = Scenario(...).")])
        title = ((module.__doc__ or "").strip() or name).splitlines()[0]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        return LoadedScenario(name.replace("_", "-"), title, digest, path, found)

    def suite(self, name: str) -> Suite:
        """Load a suite; ConfigurationError holds every problem of its file, scenarios that are not there among them."""
        path = self._find("scenarios", f"{name.replace('-', '_')}.toml") or self._find("scenarios", f"{name}.toml")
        if path is None:
            raise ConfigurationError([_unknown("suite", name, self.suite_names())])
        where = f"scenarios/{path.name}"
        suite = read_toml(path, Suite, where)
        known = self.scenario_names()
        missing = [entry.name for entry in suite.scenario if entry.name not in known]
        if missing:
            raise ConfigurationError([Problem(where, str(_unknown("scenario", one, known)), "") for one in missing])
        return suite

    def target(self, name: str) -> LoadedTarget:
        """Load a target's declaration; ConfigurationError holds every problem of its file."""
        path = self._find("targets", f"{name}/target.toml")
        if path is None:
            raise ConfigurationError([_unknown("target", name, self.target_names())])
        where = f"targets/{name}/target.toml"
        raw, folder = _toml(path, where), path.parent
        seen = [name]
        while isinstance(base := raw.pop("extends", None), str):
            found = self._find("targets", f"{base}/target.toml")
            if found is None or base in seen:
                known = [one for one in self.target_names() if one not in seen]
                problem = _unknown("target", base, known) if found is None else None
                what = f'extends "{base}", which extends it in turn.' if problem is None else str(problem)
                raise ConfigurationError([Problem(where, what, "Name another target." if problem is None else "")])
            raw = extended(_toml(found, f"targets/{base}/target.toml"), raw)
            folder = found.parent
            seen.append(base)
        definition = _validated(raw, TargetDefinition, where)
        problems = [
            Problem(
                f"targets/{name}/target.toml",
                f'render names the template "{render.template}", which does not exist.',
                "Correct the name.",
            )
            for render in definition.render
            if not (folder / render.template).is_file()
        ]
        problems += [
            Problem(where, f'install names "{file}", which does not exist.', "Correct the name.")
            for file in (definition.install.files if definition.install else ())
            if not (folder / file).is_file()
        ]
        if problems:
            raise ConfigurationError(problems)
        return LoadedTarget(name, folder, definition, path.parent)

    def fault(self, name: str) -> FaultDefinition:
        """Load a fault's definition; ConfigurationError holds every problem of its file."""
        path = self._find("chaos", f"{name}.toml")
        if path is None:
            raise ConfigurationError([_unknown("fault", name, self.fault_names())])
        if _is_plan(path):
            problem = Problem(name, "is a fault plan, not a fault.", f'Refer to it as phase(…, chaos="{name}").')
            raise ConfigurationError([problem])
        return read_toml(path, FaultDefinition, f"chaos/{name}.toml")

    def fault_plan(self, name: str) -> FaultPlan:
        """Load a fault plan; ConfigurationError holds every problem of its file."""
        path = self._find("chaos", f"{name}.toml")
        if path is None:
            raise ConfigurationError([_unknown("fault plan", name, self.plan_names())])
        if not _is_plan(path):
            cure = f'Refer to it as fault("{name}", on=…), or name a plan: {", ".join(self.plan_names()) or "none is there"}.'
            raise ConfigurationError([Problem(name, "is a fault, not a fault plan.", cure)])
        return read_toml(path, FaultPlan, f"chaos/{name}.toml")

    def problems(self) -> Iterator[Problem]:
        """Load everything and yield every problem."""
        for names, load in (
            (self.scenario_names(), self.scenario),
            (self.target_names(), self.target),
            (self.fault_names(), self.fault),
            (self.plan_names(), self.fault_plan),
            (self.suite_names(), self.suite),
        ):
            for name in names:
                try:
                    loaded = load(name)
                    if isinstance(loaded, LoadedScenario):
                        yield from self._trace_problems(loaded)
                        yield from self._fault_problems(loaded)
                    if isinstance(loaded, FaultPlan):
                        yield from self._plan_problems(name, loaded)
                except ConfigurationError as error:
                    yield from error.problems

    def _plan_problems(self, name: str, plan: FaultPlan) -> Iterator[Problem]:
        """Yield the problems of the faults that a plan names."""
        for entry in plan.fault:
            try:
                definition = self.fault(entry.name)
            except ConfigurationError as error:
                yield from (Problem(f"chaos/{name}.toml", str(problem), "") for problem in error.problems)
                continue
            yield from parameter_problems(entry.name, entry.parameters, entry.shape, definition, f"chaos/{name}.toml")

    def _fault_problems(self, loaded: LoadedScenario) -> Iterator[Problem]:
        """Yield the problems of the faults and of the fault plans that a scenario names."""
        where = f"scenarios/{loaded.path.name}"
        for phase in loaded.scenario.phases:
            yield from (Problem(where, text, "Shorten its window.") for text in phase.overruns())
            for use in phase.faults:
                try:
                    definition = self.fault(use.name)
                except ConfigurationError as error:
                    yield from (Problem(where, str(problem), "") for problem in error.problems)
                    continue
                yield from parameter_problems(use.name, use.parameters, use.shape, definition, where)
            for name in phase.chaos:
                try:
                    self.fault_plan(name)
                except ConfigurationError as error:
                    yield from (Problem(where, str(problem), "") for problem in error.problems)

    def _trace_problems(self, loaded: LoadedScenario) -> Iterator[Problem]:
        """Yield the problems of the latency traces that a scenario names."""
        for model in loaded.scenario.providers.values():
            if isinstance(model.latency, MeasuredLatency):
                try:
                    filled(model.latency, [loaded.path.parent, self.workspace])
                except ConfigurationError as error:
                    yield from error.problems

    def _find(self, kind: str, relative: str) -> Path | None:
        # Names come from the command line: none may be a path, or longer than a file's name may be.
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}(/target)?\.(py|toml)", relative):
            return None
        return next((folder / relative for folder in self.folders(kind) if (folder / relative).is_file()), None)

    def _files(self, kind: str, pattern: str) -> Iterator[Path]:
        for folder in self.folders(kind):
            yield from folder.glob(pattern)

    @staticmethod
    def _names(kind: str, paths: Iterable[Path]) -> list[str]:
        return sorted({path.stem.replace("_", "-") if kind == "scenarios" else path.stem for path in paths})

    def _import(self, stem: str, path: Path, where: str) -> ModuleType:
        """Import a scenario below a private parent, so that no file here can shadow a module of anybody's."""
        parent = ModuleType(_PARENT)
        parent.__path__ = [str(folder) for folder in self.folders("scenarios")]
        sys.modules[_PARENT] = parent
        for loaded in [name for name in sys.modules if name.startswith(_PARENT + ".")]:
            del sys.modules[loaded]
        try:
            with contextlib.redirect_stdout(sys.stderr), _without(_PATCHING), from_source(_PARENT):
                return importlib.import_module(f"{_PARENT}.{stem}")
        except ValidationError as error:
            raise ConfigurationError(sentences(error, where)) from None
        except ConfigurationError:
            raise
        except SyntaxError as error:
            problem = Problem(f"{where}:{error.lineno}", f"is not Python: {error.msg}.", "Correct the line.")
            raise ConfigurationError([problem]) from None
        except (Exception, SystemExit) as error:
            if isinstance(error, ImportError) and _patches(error.name or ""):
                cure = (
                    "Describe the load with gatebench.traffic and gatebench's schedules; a scenario is plain data. Users of "
                    'your own stand in a file that is named by path: traffic=user_code("FILE.py").'
                )
                problem = Problem(where, f"imports {error.name}, which would patch the harness's own sockets.", cure)
                raise ConfigurationError([problem]) from None
            frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
            line = f":{frames[-1].lineno}" if frames else ""
            problem = Problem(
                f"{where}{line}",
                f"raises {type(error).__name__}: {error}.",
                "Correct the file; it is only loaded, never run.",
            )
            raise ConfigurationError([problem]) from error


def read_toml(path: Path, model: type[_Model], where: str) -> _Model:
    """Read a TOML file into `model`; ConfigurationError holds every problem of the file."""
    return _validated(_toml(path, where), model, where)


def _toml(path: Path, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(where, f"is not TOML: {error}.", "Correct the file.")]) from None


def _validated(raw: Mapping[str, Any], model: type[_Model], where: str) -> _Model:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(sentences(error, where)) from None


def _is_plan(path: Path) -> bool:
    """Tell whether a file of `chaos/` is a plan; one that cannot be read is taken for a fault, and then explained."""
    try:
        return "fault" in tomllib.loads(path.read_text())
    except (OSError, ValueError):
        return False


def sentences(error: ValidationError, where: str) -> list[Problem]:
    """Return each problem that pydantic found as a sentence with its cure, the follow-up errors left out."""
    details = error.errors()
    places = [detail["loc"] for detail in details]
    problems = []
    for detail in details:
        place = detail["loc"]
        deeper = any(other[: len(place)] == place and len(other) > len(place) for other in places)
        if detail["type"] == "too_short" and deeper:
            continue
        problems += [
            Problem(where, _lead(place) + what, cure) for what, cure in _explain(detail["type"], detail["msg"], place)
        ]
    return problems


def _explain(kind: str, message: str, place: tuple[int | str, ...]) -> Iterator[tuple[str, str]]:
    last = str(place[-1]) if place else ""
    if kind == "missing":
        yield f'"{last}" is missing.', f"Add {last} = …."
    elif kind == "extra_forbidden":
        yield f'"{last}" is not known here.', "Remove it or correct its spelling."
    elif kind == "value_error":
        for line in message.removeprefix("Value error, ").splitlines():
            what, _, cure = line.partition("; ")
            yield what + ".", (cure[:1].upper() + cure[1:] + ".") if cure else "Correct the value."
    else:
        yield f"{message[:1].lower()}{message[1:]}.", "Correct the value."


def _lead(place: tuple[int | str, ...]) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return f"{text}: " if text else ""


def _unknown(kind: str, name: str, known: list[str]) -> Problem:
    close = difflib.get_close_matches(name, known, n=1)
    cure = f'Did you mean "{close[0]}"?' if close else f"Choose one of: {', '.join(known) or 'none is there'}."
    return Problem(name, f"there is no {kind} of this name.", cure)
