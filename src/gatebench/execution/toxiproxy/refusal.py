"""The API's answer when it does not do what it was asked: a status and one sentence."""

from __future__ import annotations


class Refusal(Exception):
    """Nothing was done, unless the text says otherwise; `status` is the HTTP status, `message` goes into the body."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
