"""Visitors in steps: two, then five, then none. The shape ends the run; Locust's fast client asks."""

from locust import FastHttpUser, LoadTestShape, TaskSet, constant, task


class Reading(TaskSet):  # type: ignore[misc]  # locust is skipped by mypy
    """Looks around until it has seen enough."""

    @task(2)  # type: ignore[untyped-decorator]  # as above
    def look(self) -> None:
        """Ask which models there are."""
        self.client.get("/v1/models")

    @task  # type: ignore[untyped-decorator]  # as above
    def leave(self) -> None:
        """Go back to the visitor."""
        self.interrupt()


class Visitor(FastHttpUser):  # type: ignore[misc]  # as above
    """Reads, and sometimes follows a link that leads nowhere, which is no failure to it."""

    wait_time = constant(0.1)
    tasks = [Reading]  # noqa: RUF012 - as Locust's documentation writes it

    @task  # type: ignore[untyped-decorator]  # as above
    def follow(self) -> None:
        """Ask for what is not there."""
        with self.client.get("/nowhere", catch_response=True, name="a dead link") as answer:
            if answer.status_code == 404:
                answer.success()


class Steps(LoadTestShape):  # type: ignore[misc]  # as above
    """Two users for two seconds, five for two more."""

    def tick(self) -> tuple[int, float] | None:
        """Return how many users there should be, and how fast."""
        at_s = self.get_run_time()
        if at_s < 2:
            return 2, 2
        return (5, 5) if at_s < 4 else None
