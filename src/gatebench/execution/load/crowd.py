"""The users of a load process: an arrival leases one, has it run one task, and gives it back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from gatebench.execution.load.answer import Answer
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.task_client import TaskClient
from gatebench.execution.load.task_errors import TaskErrors


class Task(Protocol):
    """A task, as `user_file.UserTask` has it."""

    @property
    def name(self) -> str:
        """As in `ShopUser.browse`."""

    @property
    def user_class(self) -> type[Any]:
        """The class whose users run it."""

    @property
    def holders(self) -> tuple[type[Any], ...]:
        """The task sets around it, the outermost first."""

    @property
    def function(self) -> Callable[[Any], object]:
        """What is called with the user, or with the innermost task set."""


class TaskRun:
    """The task of one arrival while it runs: how many requests it asked for, and the route of the next one's row."""

    __slots__ = ("arrival", "asked", "over", "route")

    def __init__(self, arrival: Flight) -> None:
        self.arrival = arrival
        self.asked = 0
        self.over = False
        self.route = arrival.request.route


Ask = Callable[..., Answer]
"""`ask(run, method, path, body, headers, name=…, stream=…)` of the walk."""


class Lease:
    """One user with its task sets; `run` is the arrival that has it now."""

    def __init__(self, user: Any, ask: Ask) -> None:
        self.user = user
        self.run: TaskRun | None = None
        self._ask = ask
        self._holders: dict[tuple[type[Any], ...], Any] = {(): user}

    def ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], *, name: str | None, stream: bool
    ) -> Answer:
        """Ask on behalf of the arrival that has this user."""
        if self.run is None:
            raise RuntimeError("self.client was used outside of a task: no arrival has this user")
        return self._ask(self.run, method, path, body, headers, name=name, stream=stream)

    def holder(self, classes: tuple[type[Any], ...]) -> Any:
        """Return what a task is called with; a task set is made, and started, when it is needed first."""
        if classes not in self._holders:
            made = classes[-1](self.holder(classes[:-1]))
            made.on_start()
            self._holders[classes] = made
        return self._holders[classes]


class Crowd:
    """Users by class, made on demand; at most as many as arrivals run tasks of that class at once.

    `tasks` are by route. `make` makes a user of a class. An exception in `leaves` ends its user, one in `peaceful` only
    the task; any other is counted in `errors`, and so is what an `on_start` raises.
    """

    def __init__(
        self,
        tasks: Mapping[int, Task],
        make: Callable[[type[Any]], Any],
        *,
        leaves: tuple[type[BaseException], ...],
        peaceful: tuple[type[BaseException], ...],
        files: Iterable[Path],
    ) -> None:
        self.errors = TaskErrors(files)
        self.made = 0
        self.silent = 0  # tasks that asked for nothing
        self._tasks = tasks
        self._make = make
        self._leaves = leaves
        self._peaceful = peaceful
        self._idle: dict[type[Any], list[Lease]] = defaultdict(list)

    def perform(self, run: TaskRun, ask: Ask, route_of: Callable[[str], int]) -> None:
        """Have a user run the arrival's task. Nothing of the user's code comes out but what ends a greenlet."""
        task = self._tasks[run.arrival.request.route]
        idle = self._idle[task.user_class]
        lease = idle.pop() if idle else self._new(task.user_class, run, ask, route_of)
        if lease is None:
            return
        lease.run = run
        if self._fares_well(task.name, lambda: task.function(lease.holder(task.holders))):
            lease.run = None
            idle.append(lease)

    def facts(self) -> dict[str, Any]:
        """Return what a worker says of its users."""
        return {"users_made": self.made, "tasks_silent": self.silent, "task_errors": self.errors.facts()}

    def _new(self, user_class: type[Any], run: TaskRun, ask: Ask, route_of: Callable[[str], int]) -> Lease | None:
        """Return a user that was started, None when it would not."""
        name = user_class.__name__
        try:
            lease = Lease(self._make(user_class), ask)
        except Exception as error:
            self.errors.count(f"{name}.__init__", error)
            return None
        self.made += 1
        lease.user.client = TaskClient(lease)
        lease.run = run
        before, run.route = run.route, route_of(f"{name}.on_start")
        try:
            lease.user.on_start()
        except (*self._leaves, *self._peaceful):
            return None
        except Exception as error:
            self.errors.count(f"{name}.on_start", error)
            return None
        finally:
            run.route = before
        return lease

    def _fares_well(self, name: str, step: Callable[[], object]) -> bool:
        """Take a step of the user's code; tell whether its user may go on."""
        try:
            step()
        except self._leaves:
            return False
        except self._peaceful:
            return True
        except Exception as error:
            self.errors.count(name, error)
        return True
