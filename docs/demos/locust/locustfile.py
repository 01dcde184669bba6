"""A shop, as Locust users write it: users who log in, look around, and buy three times as often."""

from locust import HttpUser, constant, task


class ShopUser(HttpUser):  # type: ignore[misc]  # locust is skipped by mypy
    """Looks at the list of models, and asks for a completion three times as often."""

    wait_time = constant(0.2)

    def on_start(self) -> None:
        """Log in, once for each user."""
        self.client.get("/v1/models", name="login")

    @task  # type: ignore[untyped-decorator]  # as above
    def browse(self) -> None:
        """Ask which models there are."""
        self.client.get("/v1/models")

    @task(3)  # type: ignore[untyped-decorator]  # as above
    def buy(self) -> None:
        """Ask for a completion."""
        self.client.post(
            "/v1/chat/completions",
            json={"model": "gatebench-small", "messages": [{"role": "user", "content": "one apple"}], "max_tokens": 4},
        )
