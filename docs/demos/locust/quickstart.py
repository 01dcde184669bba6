"""The first locustfile of Locust's own documentation ("Writing a locustfile"), as it stands there."""

# ruff: noqa: D101, D102 - as the documentation writes it
import time

from locust import HttpUser, between, task


class QuickstartUser(HttpUser):  # type: ignore[misc]  # locust is skipped by mypy
    wait_time = between(1, 5)

    @task  # type: ignore[untyped-decorator]  # as above
    def hello_world(self) -> None:
        self.client.get("/hello")
        self.client.get("/world")

    @task(3)  # type: ignore[untyped-decorator]  # as above
    def view_items(self) -> None:
        for item_id in range(10):
            self.client.get(f"/item?id={item_id}", name="/item")
            time.sleep(1)

    def on_start(self) -> None:
        self.client.post("/login", json={"username": "foo", "password": "bar"})
