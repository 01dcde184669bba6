"""The same shop as `locustfile.py`, as users of an open schedule: each arrival runs one task of one user."""

from gatebench.locust import GatewayUser, task


class ShopUser(GatewayUser):
    """Looks at the list of models, and asks for a completion three times as often."""

    def on_start(self) -> None:
        """Log in, once for each user."""
        self.client.get("/v1/models", name="login")

    @task
    def browse(self) -> None:
        """Ask which models there are."""
        self.client.get("/v1/models")

    @task(3)
    def buy(self) -> None:
        """Ask for a completion."""
        self.client.post(
            "/v1/chat/completions",
            json={"model": "gatebench-small", "messages": [{"role": "user", "content": "one apple"}], "max_tokens": 4},
        )
