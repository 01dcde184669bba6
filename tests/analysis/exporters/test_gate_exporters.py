"""A gate as Markdown, JUnit XML, JSON and annotations: complete, and harmless whatever it holds."""

import json
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from markdown_it import MarkdownIt

from gatebench.analysis.exporters.annotations import CODE_QUALITY, annotate, code_quality, github_lines
from gatebench.analysis.exporters.document import document
from gatebench.analysis.exporters.junit import write_junit
from gatebench.analysis.exporters.markdown import escape, markdown
from gatebench.comparing.checks import CheckVerdict
from tests.gate_rounds import gated, verdicts

HOSTILE = "</td><script>alert(1)</script> | `code` [x](http://evil) @everyone\n::error::boo ![i](j) \x00\x1b & % # 1. y"
CHECK = CheckVerdict(HOSTILE, "cannot tell", 10, 1, 0, 0, 1, 0.5, "in 1 of 10 pairs " + HOSTILE)
RED = gated(1, verdicts(1.15), place="scenarios/smoke.py")
OPEN = gated(4, verdicts(1.0, spread=0.15))
EVIL = gated(
    1, verdicts(1.15), [CHECK], subject=HOSTILE, base=HOSTILE, head=HOSTILE, notes=(HOSTILE,), place="a,b:c.py"
)


def html(text: str) -> str:
    """Return what a CommonMark renderer with GitHub's tables makes of it."""
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def test_markdown_has_the_verdict_the_numbers_and_what_to_do() -> None:
    """A sentence, a table, a list."""
    text = markdown(RED)
    assert text.startswith("## ❌ smoke on mygw: regressed\n")
    page = html(text)
    assert "<td>Response p95 in baseline</td>" in page
    assert "<strong>regressed</strong>" in page
    assert "<strong>What to do</strong>" in page
    assert "main (0123456789ab)" in page


def test_markdown_of_what_cannot_be_told_says_so() -> None:
    """No green sign."""
    text = markdown(OPEN)
    assert text.startswith("## ❔")
    assert "✅" not in text
    assert "Make more pairs" in text


def test_hostile_text_is_inert_in_markdown() -> None:
    """No tag but ours, no link, no image, no code, no further cell, nobody is called, no heading."""
    page = html(markdown(EVIL))
    for bad in ("<script", "<a ", "<img", "<code", "@everyone", "<h1"):
        assert bad not in page
    assert all(row.count("<td") == 7 for row in page.split("<tr>")[2:])
    assert "alert(1)" in page  # still to be read


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "1) a", "# a", "> a", "= a", "*a*", "_a_", "`a`", "~~a~~"])
def test_escaped_text_is_a_plain_paragraph(text: str) -> None:
    """What would be a list, a heading, a quote or emphasis is read as it is."""
    tokens = MarkdownIt("commonmark").enable("strikethrough").parse(escape(text))
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    children = tokens[1].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == text


def test_junit_counts_a_regression_as_failure_and_the_open_as_error(tmp_path: Path) -> None:
    """Neither is a pass; a number that is fine is one."""
    path = tmp_path / "deep" / "gate.xml"
    both = gated(1, [*verdicts(1.15), *verdicts(1.0), *verdicts(1.0, spread=0.15), *verdicts(missing=True)])
    write_junit(both, path)
    suite = ET.fromstring(path.read_text()).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "2")
    failure = suite.find(".//failure")
    assert failure is not None
    assert "+5 % is tolerated" in (failure.get("message") or "")


def test_junit_of_a_gate_without_a_verdict_is_an_error(tmp_path: Path) -> None:
    """An empty suite would be green."""
    write_junit(gated(3, reasons=("Only 3 of 10 pairs.",)), tmp_path / "x.xml")
    suite = ET.fromstring((tmp_path / "x.xml").read_text()).find("testsuite")
    assert suite is not None
    assert suite.get("errors") == "1"


def test_hostile_text_is_inert_in_junit(tmp_path: Path) -> None:
    """Control characters are left out, the rest is text."""
    write_junit(EVIL, tmp_path / "x.xml")
    text = (tmp_path / "x.xml").read_text()
    root = ET.fromstring(text)
    assert "<script" not in text
    assert {element.tag for element in root.iter()} <= {
        *("testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "system-out")
    }


def test_the_document_is_json_whatever_is_missing() -> None:
    """NaN and infinity are null."""
    found = json.loads(json.dumps(document(gated(4, verdicts(missing=True))), allow_nan=False))
    assert (found["schema"], found["exit_code"]) == ("gatebench.gate/1", 4)
    assert found["lines"][0]["word"] == "missing"
    assert found["lines"][0]["head"] is None


def test_github_gets_a_command_a_finding_and_one_for_the_verdict() -> None:
    """Each names the file; the level is error where it is red."""
    lines = list(github_lines(RED))
    assert len(lines) == 2
    assert all(line.startswith("::error file=scenarios/smoke.py,title=") for line in lines)
    assert list(github_lines(OPEN))[-1].startswith("::warning ")
    assert list(github_lines(gated(0, verdicts())))[-1].startswith("::notice ")


def test_no_text_can_begin_a_workflow_command() -> None:
    """A command is one line, and its properties are escaped."""
    for line in github_lines(EVIL):
        assert "\n" not in line
        head = line.split("::")[1]
        assert head.count(",") == 1, head
    assert any("%3A%3Aerror%3A%3Aboo" in line for line in github_lines(EVIL))


def test_annotations_go_where_the_ci_looks(tmp_path: Path) -> None:
    """GitHub: commands and the step's summary, appended. GitLab: a code quality report. Elsewhere: nothing."""
    output = StringIO()
    annotate(RED, output, tmp_path, {})
    assert output.getvalue() == ""
    assert list(tmp_path.iterdir()) == []
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    annotate(RED, output, tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    assert output.getvalue().startswith("::error ")
    assert summary.read_text().startswith("before\n## ❌")
    annotate(RED, output, tmp_path, {"GITLAB_CI": "true"})
    report = json.loads((tmp_path / CODE_QUALITY).read_text())
    assert report == code_quality(RED)
    assert report[0]["severity"] == "major"
    assert report[0]["location"] == {"path": "scenarios/smoke.py", "lines": {"begin": 1}}
    assert len({one["fingerprint"] for one in report}) == len(report)


def test_a_full_step_summary_is_left_alone(tmp_path: Path) -> None:
    """GitHub refuses more than a mebibyte: what is there stays whole."""
    summary = tmp_path / "summary.md"
    summary.write_text("x" * 1024 * 1024)
    annotate(RED, StringIO(), tmp_path, {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.stat().st_size == 1024 * 1024
