"""The page: one file that holds everything, runs nothing of anybody else's, and stands whatever the run lacks."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from gatebench.analysis.report import write_report
from gatebench.analysis.summary import summarise
from gatebench.content import Content, shipped_root
from gatebench.run.folder import RunFolder
from tests.analysis.conftest import Read, Reading
from tests.crowded import FLAPS, crowd

HOSTILE = "</script><script>window.pwned = true</script><img src=x onerror='window.pwned = true'>"
VOID = {"meta", "input", "img", "br", "link"}


class Outline(HTMLParser):
    """What a page is made of: its elements with their attributes, its scripts, its headings, its visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.headings: list[tuple[int, str]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert self._open == [], "every element that is opened is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and open it."""
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        """Close an element, which must be the innermost one."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep text where it belongs."""
        inside = self._open[-1] if self._open else ""
        if inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif inside != "style":
            self.words.append(data)
            if self.headings and any(re.fullmatch("h[1-6]", tag) for tag in self._open):
                level, text = self.headings[-1]
                self.headings[-1] = (level, text + data)

    @property
    def text(self) -> str:
        """The visible text, white space folded."""
        return " ".join(" ".join(self.words).split())  # a no-break space is white space too

    @property
    def troubles(self) -> list[str]:
        """The sections that failed, with their errors."""
        return re.findall(r"sections/\S+ cannot be shown: .{0,200}", self.text)

    @property
    def data(self) -> dict[str, Any]:
        """The data of the charts."""
        return dict(next(json.loads(text) for attributes, text in self.scripts if attributes.get("type")))

    def having(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def copy_of(run: Reading, into: Path) -> RunFolder:
    """Return a copy of a run that a test may damage."""
    return RunFolder(Path(shutil.copytree(run.folder.path, into / run.folder.path.name)))


def outline(folder: RunFolder, workspace: Path) -> Outline:
    """Write the report of a run and return what it is made of."""
    return Outline(write_report(folder, Content(workspace)).read_text())


@pytest.fixture(scope="module")
def page(healthy: Reading, tmp_path_factory: pytest.TempPathFactory) -> Outline:
    """The report of a healthy run."""
    return outline(healthy.folder, tmp_path_factory.mktemp("nothing"))


def test_verdict_comes_first(page: Outline, healthy: Reading) -> None:
    """The first heading is the headline, in the section of the verdict, with the word of the verdict before it."""
    level, words = page.headings[0]
    assert (level, words.replace("\u00a0", " ")) == (1, healthy.summary.headline)
    assert [attributes["id"] for attributes in page.having("section")] == [
        "verdict", "figures", "checks", "charts", "closeup", "distribution", "cpu", "series", "faults", "ledger", "metrics", "provenance",
    ]  # fmt: skip
    assert page.text.index("✓ pass every applicable check passed") < page.text.index(words.replace("\u00a0", " "))


def test_page_needs_nothing_else(page: Outline) -> None:
    """No element names another file or host; links lead within the page."""
    for tag, attributes in page.elements:
        assert not {"src", "srcset", "action", "data", "background"} & set(attributes), tag
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert (attributes.get("href") or "#").startswith("#")


def test_only_our_scripts_run(page: Outline) -> None:
    """The policy names the digest of each script on the page and of no other, and allows no network."""
    policy = next(a["content"] for a in page.having("meta") if a.get("http-equiv") == "Content-Security-Policy") or ""
    digests = {
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for attributes, text in page.scripts
        if attributes.get("type") is None
    }
    assert len(digests) == 5
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == digests
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy


def test_page_is_navigable(page: Outline) -> None:
    """Headings descend without gaps, ids are unique, links find their ends, and landmarks are there."""
    levels = [level for level, _ in page.headings]
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    assert {(attributes["href"] or "")[1:] for attributes in page.having("a")} <= set(ids)
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in page.elements}
    assert page.having("html") == [{"lang": "en"}]


def test_tables_say_what_they_are(page: Outline) -> None:
    """Every table has a caption, every header cell its scope, every input a label."""
    assert len(page.having("caption")) == len(page.having("table")) > 10
    assert all(attributes.get("scope") in ("col", "row", "rowgroup") for attributes in page.having("th"))
    labelled = {attributes.get("for") for attributes in page.having("label")}
    assert all(a.get("type") == "radio" or a.get("id") in labelled for a in page.having("input"))


def test_every_chart_has_words(page: Outline) -> None:
    """Each figure that is drawn has data, a caption, and a label that tells somebody who cannot see it what there is."""
    drawn = [attributes["data-chart"] for attributes in page.having("figure") if "data-chart" in attributes]
    assert drawn == [
        "latency", "outcomes", "served", "arrivals", "closeup-f1", "percentiles",
        "target-processors", "target-memory", "target-descriptors", "target-threads", "dispatch", "processes",
    ]  # fmt: skip
    assert set(page.data["charts"]) == set(drawn)
    for chart in page.data["charts"].values():
        assert re.search(r"\d", chart["label"])
    assert len(page.having("figcaption")) == len(drawn)


def test_missing_chart_says_why(reading: Read, tmp_path: Path) -> None:
    """Where a chart cannot be drawn, its place says why."""
    assert "Nobody read the use of processors in this run." in outline(reading(series=False).folder, tmp_path).text


def test_file_is_small(page: Outline, healthy: Reading) -> None:
    """A run of some thousand requests makes a report of less than a megabyte and a half."""
    assert healthy.folder.report.stat().st_size < 1_500_000


def test_writing_is_atomic(healthy: Reading, tmp_path: Path) -> None:
    """No draft stays behind, and the path that is returned is the report's."""
    folder = copy_of(healthy, tmp_path)
    assert write_report(folder, Content(tmp_path)) == folder.report
    assert [path.name for path in folder.path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("knobs", "word"),
    [
        ({}, "✓ pass"),
        ({"lost": 20}, "✗ fail"),
        ({"cpu_share": 0.99}, "! invalid"),
        ({"not_applicable": "It has no failover."}, "? inconclusive"),
    ],
)
def test_verdicts_have_symbol_and_word(reading: Read, tmp_path: Path, knobs: dict[str, Any], word: str) -> None:
    """Nobody needs colour to tell one verdict from another; reasons stand under the headline."""
    run = reading(**knobs)
    found = outline(run.folder, tmp_path)
    assert word in found.text
    for reason in run.summary.reasons:
        assert reason.split(" ms")[0][:40] in found.text.replace("\u00a0", " ")


def hostile(folder: RunFolder) -> None:
    """Put hostile text wherever a server, a scenario or a log could: names, headlines, evidence, canaries."""
    summary = json.loads((folder.path / "summary.json").read_text())
    summary["headline"] = summary["title"] = summary["target"] = HOSTILE
    summary["reasons"] = summary["warnings"] = [HOSTILE]
    summary["served"]["fault"] = {HOSTILE: 3}
    summary["checks"][0] |= {"sentence": HOSTILE, "why": HOSTILE, "evidence": [{HOSTILE: HOSTILE, "n": [HOSTILE]}]}
    summary["metrics"][0] |= {"title": HOSTILE, "why": HOSTILE, "phase": HOSTILE, "unit": HOSTILE}
    summary["ledger"]["causes"] = {HOSTILE: 1}
    (folder.path / "summary.json").write_text(json.dumps(summary))
    record = json.loads((folder.path / "run.json").read_text())
    record["command"] = ["bench", HOSTILE]
    record["provenance"][HOSTILE] = {"x": HOSTILE}
    record["plan"]["phases"][3]["name"] = HOSTILE
    record["plan"]["faults"][0]["name"] = HOSTILE
    record["plan"]["target"]["settings"] = {HOSTILE: HOSTILE}
    (folder.path / "run.json").write_text(json.dumps(record))
    folder.event("canary", 5_006_000_000_000, fault="f1", stage="during", expected=HOSTILE, met=HOSTILE, ok=False)


def test_hostile_text_stays_text(healthy: Reading, tmp_path: Path) -> None:
    """Whatever a server, a scenario or a log says is shown as it is, and makes no element."""
    folder = copy_of(healthy, tmp_path)
    hostile(folder)
    found = outline(folder, tmp_path)
    assert found.having("img") == []
    assert len(found.scripts) == 6
    assert found.text.count(HOSTILE) > 10
    assert HOSTILE in [phase["name"] for phase in found.data["timeline"]["phases"]]
    assert found.troubles == []


def drop(*names: str) -> Callable[[RunFolder], None]:
    """Return what removes files of a run."""

    def damage(folder: RunFolder) -> None:
        for name in names:
            path = folder.path / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    return damage


def garble(name: str, *, without: str = "") -> Callable[[RunFolder], None]:
    """Return what makes a file of a run unreadable."""

    def damage(folder: RunFolder) -> None:
        if without:
            shutil.rmtree(folder.path / without)
            (folder.path / without).mkdir()
        (folder.path / name).write_bytes(b"{half")

    return damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (drop("summary.json"), "summary.json is not there"),
        (garble("summary.json"), "summary.json cannot be read"),
        (drop("run.json"), "run.json is not there"),
        (garble("run.json"), "run.json cannot be read"),
        (garble("samples.parquet", without="parts"), "samples.parquet cannot be read"),
        (garble("attempts.parquet", without="parts"), "attempts.parquet cannot be read"),
        (garble("series.parquet"), "series.parquet cannot be read"),
        (drop("parts", "samples.parquet", "attempts.parquet"), "The run holds no request"),
        (drop("run.json", "summary.json", "parts", "samples.parquet", "attempts.parquet"), "summary.json is not there"),
        (drop("events.jsonl"), "every applicable check passed"),
    ],
)
def test_damaged_run_has_a_report(
    healthy: Reading, tmp_path: Path, damage: Callable[[RunFolder], None], said: str
) -> None:
    """Whatever a folder lacks, the page stands, says what is missing, and no section fails."""
    folder = copy_of(healthy, tmp_path)
    damage(folder)
    found = outline(folder, tmp_path)
    assert said in found.text
    assert found.troubles == []
    assert found.headings[0][0] == 1


@pytest.mark.parametrize(
    "knobs",
    [
        {"killed_at_s": 7.0},
        {"stopped_at_s": 7.0},
        {"killed_at_s": 1.0},
        {"apply": False},
        {"canaries": False},
        {"torn_bytes": 100},
        {"lost_worker": True, "workers": 2},
        {"evidence": "no-ledger", "provider_streams": ()},
        {"effect": "ratio"},
        {"hang": True, "failover": False},
        {"fault_s": 0},
        {"series": False},
        {"rate_per_s": 1},
    ],
    ids=str,
)
def test_partial_run_has_a_report(reading: Read, tmp_path: Path, knobs: dict[str, Any]) -> None:
    """Interrupted, killed, faultless, ledgerless and starved runs make a page on which no section fails."""
    found = outline(reading(**knobs).folder, tmp_path)
    assert found.troubles == []
    assert found.headings[0][0] == 1


def test_killed_run_without_summary_says_so(reading: Read, tmp_path: Path) -> None:
    """Without a reading, the page itself says that the run was killed and which streams are cut."""
    folder = copy_of(reading(killed_at_s=7.0), tmp_path)
    (folder.path / "summary.json").unlink()
    text = outline(folder, tmp_path).text
    assert "its process was killed; this report shows what was measured until then" in text
    assert "samples-0.arrow ends without its mark" in text


@pytest.fixture(scope="module")
def crowded(healthy: Reading, tmp_path_factory: pytest.TempPathFactory) -> Outline:
    """The report of a run with sixteen windows of four faults, one of which nobody proved."""
    folder = crowd(copy_of(healthy, tmp_path_factory.mktemp("crowd")), proven=False)
    summarise(folder)
    return outline(folder, tmp_path_factory.mktemp("nothing"))


def test_many_windows_are_one_table(crowded: Outline) -> None:
    """One table lists every window, those of one use under one name; its links lead into the details."""
    groups = [
        attributes
        for attributes in crowded.having("th")
        if attributes.get("scope") == "rowgroup" and "rowspan" in attributes
    ]
    assert [attributes["rowspan"] for attributes in groups] == ["1", str(FLAPS), "1", "2"]
    assert "by plan shaky, 20 → 80 → 140 → 200 ms" in crowded.text
    assert f"{FLAPS} of {FLAPS} 12.000 s – 12.500 s 12.100 s – 12.502 s ✓ yes" in crowded.text
    places = {attributes.get("id") for attributes in crowded.having("p")}
    assert {"fault-f1", "fault-w1", "fault-r1", "fault-m1"} <= places
    assert crowded.troubles == []


def test_too_many_windows_are_summed_up(healthy: Reading, tmp_path: Path) -> None:
    """More windows than fit a page make one line, and one more for each that was not proven."""
    folder = crowd(copy_of(healthy, tmp_path), flaps=16, unproven_flap=15)
    found = outline(folder, tmp_path)
    assert "all 16 1.000 s – 16.500 s 1.100 s – 16.502 s ✗ 15 of 16 – ✓ 16 of 16 15 of 16 15.000 s" in found.text
    assert "✗ 1 of 16 not proven" in found.text
    assert [a["rowspan"] for a in found.having("th") if "rowspan" in a] == ["1", "2", "1", "2"]
    assert found.troubles == []


def test_details_open_where_something_is_wrong(crowded: Outline, page: Outline) -> None:
    """The details of proven faults are folded, those of an unproven one stand open and say so; a lone fault stands open."""
    details = [attributes for attributes in crowded.having("details") if attributes.get("class") == "fault"]
    assert ["open" in attributes for attributes in details] == [False, False, True, False]
    assert "✗ not proven" in crowded.text
    assert [attributes["class"] for attributes in page.having("details") if "open" in attributes] == ["fault"]


def test_steps_of_a_ramp_are_shown(crowded: Outline) -> None:
    """Each value of a ramp stands with its planned and its real time, and the one that was proven is marked."""
    assert (
        "80 ms 10.000 s 10.005 s 140 ms 11.000 s 11.005 s 200 ms what the canaries prove 12.000 s 12.005 s"
        in crowded.text
    )


def test_faults_by_hand_are_said(crowded: Outline) -> None:
    """A fault from a second terminal is named as one at the top, on every chart, and in its details."""
    assert f"4 faults, {1 + FLAPS + 1 + 2} windows, 1 by hand, 1 window not proven" in crowded.text
    assert "injected by hand during this run" in crowded.text
    assert "Somebody put it on by hand during the run: what it touched counts in no phase." in crowded.text
    lanes = crowded.data["timeline"]["lanes"]
    assert [(lane["label"], lane["manual"]) for lane in lanes if lane["manual"]] == [
        ("latency on provider-b ×2 (by hand)", True)
    ]


def test_close_ups_are_of_uses(crowded: Outline) -> None:
    """Twelve windows of one fault have one close-up, which says that it is of the first."""
    made = [name for name in crowded.data["charts"] if name.startswith("closeup-")]
    assert made == ["closeup-f1", "closeup-w1", "closeup-r1", "closeup-m1"]
    assert f"This is the first of its {FLAPS} windows." in crowded.text


@pytest.mark.parametrize("read", [True, False])
def test_stop_condition_is_said(reading: Read, tmp_path: Path, read: bool) -> None:
    """A run that stopped itself says when and why, and has a page even when nobody has read it."""
    folder = copy_of(reading(stopped_at_s=7.0), tmp_path)
    events = (
        (folder.path / "events.jsonl")
        .read_text()
        .replace('"run.interrupted"', '"stop.condition", "why": "too much went wrong"')
    )
    (folder.path / "events.jsonl").write_text(events)
    record = json.loads((folder.path / "run.json").read_text()) | {"status": "stopped"}
    (folder.path / "run.json").write_text(json.dumps(record))
    if read:
        summarise(folder)
    else:
        (folder.path / "summary.json").unlink()
    found = outline(folder, tmp_path)
    assert "Stopped by a stop condition after 7.00 s of 17.5 s" in found.text
    assert (
        "stop condition: too much went wrong" if read else "The run was stopped by a stop condition; this"
    ) in found.text


def section(workspace: Path, name: str, text: str) -> None:
    """Put a section into the user's own folder."""
    folder = workspace / "reports" / "sections"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_own_section_is_one_file(healthy: Reading, tmp_path: Path) -> None:
    """The example of the README, put into one's own folder, stands in its place with its table and its chart."""
    example = re.search(r"```jinja\n(.*?)```", (shipped_root() / "reports" / "README.md").read_text(), re.S)
    assert example is not None
    section(tmp_path, "55-tenants.html.j2", example[1])
    found = outline(healthy.folder, tmp_path)
    ids = [attributes["id"] for attributes in found.having("section")]
    assert ids.index("faults") < ids.index("tenants") < ids.index("ledger")
    assert "Median response time by tenant and phase" in found.text
    assert found.data["charts"]["tenants"]["kind"] == "dots"
    assert found.troubles == []


def test_own_section_wins(healthy: Reading, tmp_path: Path) -> None:
    """A section of the same file name replaces the shipped one; an empty one leaves it out."""
    section(tmp_path, "30-checks.html.j2", '{% set title = "My checks" %}<p>{{ summary.checks | length }} of mine</p>')
    section(tmp_path, "70-metrics.html.j2", "")
    found = outline(healthy.folder, tmp_path)
    assert "5 of mine" in found.text
    assert "metrics" not in [attributes["id"] for attributes in found.having("section")]


@pytest.mark.parametrize("broken", ["{{ nothing.there }}", "{% if %}", "{{ 1 / 0 }}", "{% include 'gone.j2' %}"])
def test_broken_section_does_not_take_the_report(healthy: Reading, tmp_path: Path, broken: str) -> None:
    """A section that fails is named with its error in its place; the others stand."""
    section(tmp_path, "55-mine.html.j2", broken)
    found = outline(healthy.folder, tmp_path)
    assert len(found.troubles) == 1
    assert found.troubles[0].startswith("sections/55-mine.html.j2 cannot be shown: ")
    assert "The books balance." in found.text


def test_own_section_is_escaped(healthy: Reading, tmp_path: Path) -> None:
    """What a section of one's own writes out is escaped like everything else."""
    folder = copy_of(healthy, tmp_path)
    hostile(folder)
    section(tmp_path, "55-mine.html.j2", "{{ summary.headline }}")
    assert outline(folder, tmp_path).having("img") == []
