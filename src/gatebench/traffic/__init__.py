"""What is sent: a declarative, seeded generator of requests. Pure: the same seed and arrival give the same bytes."""

from gatebench.traffic.generator import DRAWN, Generator
from gatebench.traffic.request import Request
from gatebench.traffic.route import Route, Traffic, chat, embeddings, messages, mix, models, rest, user_code

__all__ = [
    "DRAWN",
    "Generator",
    "Request",
    "Route",
    "Traffic",
    "chat",
    "embeddings",
    "messages",
    "mix",
    "models",
    "rest",
    "user_code",
]
