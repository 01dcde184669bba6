"""A gate as JUnit XML: a test case for each number and each check, so that whatever reads test reports shows it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from junitparser import Error, Failure, JUnitXml, TestCase, TestSuite

from gatebench.comparing.amounts import change, interval, number, tolerated
from gatebench.comparing.gated import Gated, advice, headline
from gatebench.comparing.judging import LineVerdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPEN: Final = frozenset({"cannot tell", "missing"})


def write_junit(gated: Gated, path: Path) -> None:
    """Write the file. Regressed is a failure; what cannot be told or is missing is an error, for neither is a pass."""
    suite = TestSuite(f"gatebench gate: {_clean(gated.subject)}")
    for name, value in (("base", gated.base), ("head", gated.head), ("exit_code", str(gated.code))):
        suite.add_property(name, _clean(value))
    name = f"gatebench.{_clean(gated.subject)}"
    for line in gated.ordered:
        case = TestCase(line.measure.label, name)
        _judge(case, line.word, _facts(line))
        suite.add_testcase(case)
    for check in gated.checks:
        case = TestCase(_clean(check.sentence), f"{name}.checks")
        _judge(case, check.word, _clean(": ".join(filter(None, (check.sentence, check.why)))))
        suite.add_testcase(case)
    if gated.code not in {0, 1, 4} or not (gated.lines or gated.checks):
        case = TestCase("the gate itself", name)
        case.result = [Error(_clean(headline(gated)), gated.verdict)]
        suite.add_testcase(case)
    suite.system_out = _clean("\n".join([headline(gated), *advice(gated), *gated.notes]))
    xml = JUnitXml()
    xml.add_testsuite(suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    xml.write(str(path), pretty=True)


def _judge(case: TestCase, word: str, text: str) -> None:
    case.time = 0
    if word == "regressed":
        case.result = [Failure(text, word)]
    elif word in _OPEN:
        case.result = [Error(text, word)]
    else:
        case.system_out = text


def _facts(line: LineVerdict) -> str:
    unit = line.measure.unit
    values = f"base {number(line.base, unit)}, head {number(line.head, unit)}, {change(line)} ({interval(line)})"
    why = f" {line.why}." if line.why and line.low is None else ""
    return _clean(f"{line.measure.title}: {values}; {tolerated(line)} is tolerated.{why}")


def _clean(text: str) -> str:
    """Return text that XML can hold: control characters are left out; the rest is escaped by the writer."""
    return _NOT_XML.sub("", text)
