"""A headless Chromium on a leash: opens a file, says what it requested and complained about, and evaluates expressions.

It speaks the DevTools protocol over a pipe (messages end with a zero byte), so it needs neither a port nor a library.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
# The browser reads commands on descriptor 3 and answers on 4; this moves ours there in the child.
_MOVE = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)

_DRAWN = """new Promise((done) => {
  const look = () => (document.readyState === "complete" ? requestAnimationFrame(() => requestAnimationFrame(done))
                                                         : setTimeout(look, 20));
  look();
}).then(() => true)"""

SAVED_CSV = """(async () => {
  const details = document.querySelector('#chart-%s details.data');
  details.open = true;
  await new Promise((done) => setTimeout(done, 50));
  const saved = [];
  const original = URL.createObjectURL;
  URL.createObjectURL = (blob) => { saved.push(blob); return original(blob); };
  for (const button of details.querySelectorAll('button')) button.click();
  URL.createObjectURL = original;
  return Promise.all(saved.map((blob) => blob.text()));
})()"""
"""What the buttons of a chart's data (its id put in) save, as texts."""


def program() -> str | None:
    """Return the path of a Chromium, or None when there is none."""
    return next(
        (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
    )


class Browser:
    """One browser with one page and a profile of its own; `with Browser(profile) as browser:` ends its process."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._numbers = itertools.count(1)
        self._left = b""

    def __enter__(self) -> Browser:
        found = program()
        assert found is not None
        commands_out, self._commands = os.pipe()
        self._answers, answers_in = os.pipe()
        # Inheritable copies above 4, so that moving the one onto 3 never overwrites the other.
        pair = [os.dup(commands_out), os.dup(answers_in)]
        for descriptor in pair:
            os.set_inheritable(descriptor, True)
        move = [sys.executable, "-c", _MOVE, *map(str, pair), found]
        flags = [*_FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            [*move, *flags], pass_fds=pair, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for descriptor in (*pair, commands_out, answers_in):
            os.close(descriptor)
        target = self._call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._call("Browser.close")
        except (EOFError, OSError):
            self._process.terminate()
        self._process.wait(20)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command to the page and return its result."""
        return self._call(method, parameters, self._session)

    def open(self, path: Path, width: int = 1280, height: int = 900, scheme: str = "light") -> None:
        """Open a file at a size and a colour scheme, and wait until it has drawn."""
        self.complaints.clear()
        self.requests.clear()
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        arrived = self.call("Page.navigate", url=path.resolve().as_uri())
        assert "errorText" not in arrived, f"{path}: {arrived['errorText']}"
        while not self.evaluate(f"location.href.startsWith('file:') && document.body !== null && {_DRAWN}"):
            pass

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, awaited when it is a promise; AssertionError when it throws."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, path: Path) -> None:
        """Write a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def _call(
        self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None
    ) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters or {}} | (
            {"sessionId": session} if session else {}
        )
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self._note(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            read = os.read(self._answers, 1 << 16)
            if not read:
                raise EOFError("the browser went away")
            self._left += read
        message, _, self._left = self._left.partition(b"\0")
        return dict(json.loads(message))

    def _note(self, event: dict[str, Any]) -> None:
        """Keep what the page requested, and every exception, console error and refusal by its security policy."""
        facts = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(facts["request"]["url"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(facts["exceptionDetails"])[:2000])
        elif event.get("method") == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            self.complaints.append(facts["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(facts["args"])[:2000])
