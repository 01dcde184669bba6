"""Turns the files of user code that a scenario names into routes, one for each task. Asks a child process what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from gatebench.content import sentences
from gatebench.errors import Problem
from gatebench.execution.asking import Problems, RunRequest
from gatebench.execution.describing import DescribedUser, Description, describe
from gatebench.scenario import Scenario
from gatebench.schedule import Users
from gatebench.schedule.load import open_parts
from gatebench.traffic import Route, Traffic

_MOST_NAMED = 10


def with_tasks(
    scenario: Scenario, request: RunRequest, *, own: Path, folders: Sequence[Path], where: str, problems: Problems
) -> tuple[Scenario, list[str]]:
    """Return the scenario with its tasks looked up, and what is worth a warning.

    `folders` are where files are looked for, except `own`, the scenario's file, which may have the same name. What is
    wrong goes to `problems`, and the scenario comes back as it was.
    """
    if not scenario.traffic.awaits_tasks():
        return scenario, []
    found = Problems()
    warnings: list[str] = []
    routes: list[Route] = []
    if isinstance(scenario.load, Users):
        cure = "Give the scenario an open load (poisson, constant, …), or run a plain locustfile."
        found.say(where, "user_code(…) wants an open load, but this one is closed.", cure)
    for route in scenario.traffic.routes:
        if route.kind != "task":
            routes.append(route)
            continue
        path = _found(route, folders, own, where, found)
        users = _users(route, path, request, found) if path else []
        warnings += [
            f"{user.name} has an on_stop, which is not called: no arrival would be its own."
            for user in users
            if user.on_stop
        ]
        routes += _routes(route, users, path)
    traffic = _traffic(routes, where, found)
    if traffic is not None:
        found += _unknown_routes(scenario, traffic, where)
    if found or traffic is None:
        problems.extend(found)
        return scenario, []
    return scenario.model_copy(update={"traffic": traffic}), warnings


def _found(route: Route, folders: Sequence[Path], own: Path, where: str, problems: Problems) -> Path | None:
    """Return the file that a route names."""
    name, _ = _parts(route.file)
    places = [(folder / name).resolve() for folder in folders]
    path = next((place for place in places if place.is_file() and place != own.resolve()), None)
    if path is None:
        looked = " and ".join(dict.fromkeys(str(place.parent) for place in places))
        problems.say(where, f'the file "{name}" of user_code is not there; looked in {looked}.', "Correct its name.")
    return path


def _users(route: Route, path: Path, request: RunRequest, problems: Problems) -> list[DescribedUser]:
    """Return the GatewayUser classes that a route names."""
    name, wanted = _parts(route.file)
    found = describe(path, name, request.allow_remote)
    if isinstance(found, Problem):
        problems.append(found)
        return []
    users = list(_chosen(found, wanted, name, problems))
    problems.extend(
        Problem(name, problem.partition("; ")[0] + ".", _sentence(problem.partition("; ")[2]))
        for user in users
        for problem in user.problems
    )
    return users


def _parts(file: str) -> tuple[str, str]:
    """Return (file, class name) of "FILE.py" or "FILE.py:ClassName"."""
    name, colon, wanted = file.rpartition(":")
    return (name, wanted) if colon and wanted.isidentifier() else (file, "")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _chosen(found: Description, wanted: str, name: str, problems: Problems) -> Iterator[DescribedUser]:
    gateway = [user for user in found.users if user.kind == "gateway"]
    if not gateway:
        others = ", ".join(user.name for user in found.users)
        has = f"only {others}, which bring a client of their own" if others else "no user class at all"
        cure = "Derive from gatebench.locust.GatewayUser, or run a plain locustfile: bench run FILE.py --target ….".replace(
            "FILE.py", name
        )
        problems.say(name, f"has no GatewayUser, {has}.", cure)
    elif wanted and wanted not in [user.name for user in gateway]:
        there = ", ".join(user.name for user in gateway)
        problems.say(name, f"has no GatewayUser called {wanted}.", f"Choose one of: {there}.")
    else:
        yield from (user for user in gateway if wanted in {"", user.name})


def _routes(route: Route, users: Sequence[DescribedUser], path: Path | None) -> Iterator[Route]:
    """Yield a route for each task; together they have the weight of the one route that the scenario names."""
    total = sum(task.weight for user in users for task in user.tasks)
    for user in users:
        for task in user.tasks:
            weight = route.weight * task.weight / total
            yield route.model_copy(update={"name": task.name, "task": task.name, "weight": weight, "file": str(path)})


def _traffic(routes: Sequence[Route], where: str, problems: Problems) -> Traffic | None:
    if problems:
        return None
    try:
        return Traffic(routes=tuple(routes))
    except ValidationError as error:
        problems.extend(sentences(error, where))
        return None


def _unknown_routes(scenario: Scenario, traffic: Traffic, where: str) -> Iterator[Problem]:
    """Yield a problem for each name of a route in checks and loads that no task has."""
    names = traffic.route_names()
    said = [(f'check("{check.metric}")', check.route) for check in scenario.checks]
    said += [("a part of the load", part.route) for part in open_parts(scenario.load)]
    for what, name in said:
        if name is not None and name not in names:
            there = ", ".join(names[:_MOST_NAMED])
            yield Problem(where, f'{what} names the route "{name}", which is none.', f"The routes are: {there}.")
