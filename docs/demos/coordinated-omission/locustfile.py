"""The same load as Locust users usually write it: one user that wants 200 requests a second, and waits for each answer."""

from locust import FastHttpUser, constant_throughput, task


class OneStall(FastHttpUser):  # type: ignore[misc]  # locust is skipped by mypy
    """A closed model: while the target stalls, this user sends nothing."""

    wait_time = constant_throughput(200)

    @task  # type: ignore[untyped-decorator]  # as above
    def ask(self) -> None:
        """Send one small request."""
        self.client.post("/v1/chat/completions", json={"model": "m", "messages": [{"role": "user", "content": "hi"}]})
