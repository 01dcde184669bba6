"""What GitHub and GitLab show beside a change, where one of them runs us."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TextIO

from gatebench.analysis.exporters.markdown import markdown
from gatebench.comparing.amounts import change, interval, tolerated
from gatebench.comparing.gated import Gated, headline

CODE_QUALITY: Final = "gl-code-quality-report.json"
_SUMMARY_BYTES: Final = 1024 * 1024  # GitHub's limit of a step's summary
_LEVEL: Final = {0: "notice", 4: "warning"}


def annotate(gated: Gated, output: TextIO, folder: Path, environment: Mapping[str, str] = os.environ) -> None:
    """Tell the CI that runs us: GitHub by workflow commands on `output` and the step's summary, GitLab by a code quality
    report in `folder`. Does nothing elsewhere.
    """
    if environment.get("GITHUB_ACTIONS") == "true":
        for line in github_lines(gated):
            output.write(line + "\n")
        summary = environment.get("GITHUB_STEP_SUMMARY")
        if summary:
            _append(Path(summary), markdown(gated))
    if environment.get("GITLAB_CI") == "true":
        text = json.dumps(code_quality(gated), indent=1, ensure_ascii=False)
        (folder / CODE_QUALITY).write_text(text + "\n", encoding="utf-8")


def github_lines(gated: Gated) -> Iterator[str]:
    """Yield a workflow command for everything that is not fine, and one for the verdict
    (https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands).
    """
    place = f"file={_property(gated.place)}," if gated.place else ""
    for level, title, text in _findings(gated):
        yield f"::{level} {place}title={_property(title)}::{_message(text)}"
    level = _LEVEL.get(gated.code, "error")
    yield f"::{level} {place}title={_property(f'{gated.subject}: {gated.verdict}')}::{_message(headline(gated))}"


def code_quality(gated: Gated) -> list[dict[str, Any]]:
    """Return the findings as GitLab's code quality report (https://docs.gitlab.com/ci/testing/code_quality/)."""
    findings = list(_findings(gated))
    if gated.code not in {0, 1, 4}:
        findings.append(("error", gated.verdict, headline(gated)))
    return [
        {
            "description": f"{title}: {text}",
            "check_name": "gatebench-gate",
            "fingerprint": hashlib.sha256(f"{gated.subject}\0{title}".encode()).hexdigest(),
            "severity": "major" if level == "error" else "minor",
            "location": {"path": gated.place or "pyproject.toml", "lines": {"begin": 1}},
        }
        for level, title, text in findings
    ]


def gitlab_section(name: str, title: str, unix_s: int) -> str:
    """Return what opens a section of a GitLab job's log (https://docs.gitlab.com/ci/jobs/job_logs/)."""
    return f"\x1b[0Ksection_start:{unix_s}:{name}\r\x1b[0K{title}"


def gitlab_section_end(name: str, unix_s: int) -> str:
    """Return what closes it."""
    return f"\x1b[0Ksection_end:{unix_s}:{name}\r\x1b[0K"


def _findings(gated: Gated) -> Iterator[tuple[str, str, str]]:
    """Yield level, title and text of every line and check that is not fine."""
    for line in gated.ordered:
        if line.word == "regressed":
            facts = f"{change(line)} ({interval(line)}), {tolerated(line)} is tolerated"
            yield "error", f"{line.measure.label} regressed", facts
        elif line.word in {"cannot tell", "missing"}:
            yield "warning", f"{line.measure.label}: {line.word}", line.why
    for check in gated.checks:
        if check.word in {"regressed", "cannot tell"}:
            yield "error" if check.word == "regressed" else "warning", check.sentence, check.why


def _message(text: str) -> str:
    """Escape the data of a workflow command, so that no text can end it or begin another one."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _append(path: Path, text: str) -> None:
    """Append to the step's summary, as far as GitHub takes any more."""
    there = path.stat().st_size if path.exists() else 0
    if there + len(text.encode()) <= _SUMMARY_BYTES:
        with path.open("a", encoding="utf-8") as file:
            file.write(text + "\n")
