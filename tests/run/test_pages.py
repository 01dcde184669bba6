"""Pages of metrics: what they say is read whole, whatever else stands on them is counted, and everything has an end."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import pytest

from gatebench.run import pages
from gatebench.run.pages import Heard, Page, PageFile, Rows, canonical, parse, read_pages

PAGE = b"""# HELP gw_requests_total Requests.
# TYPE gw_requests_total counter
gw_requests_total{outcome="ok",route="a b"} 12 1700000000000
gw_requests_total{route="}",outcome="say \\"no\\" \\\\ \\n"} 3
# TYPE gw_seconds histogram
gw_seconds_bucket{le="+Inf"} 4
gw_in_flight 2.5e0
gw_nothing NaN
gw_most +Inf
"""


def written(path: Path, *found: Page, most_bytes: int = pages.MOST_FILE_BYTES) -> Path:
    """A part file with these pages."""
    with path.open("wb") as file:
        part = PageFile(file, most_bytes)
        for page in found:
            part.add(page)
    return path


def said(path: Path, *bodies: bytes, **how: int) -> tuple[Heard, Rows]:
    """What pages one second apart say."""
    return parse(
        written(path / "p", *(Page(place * 10**9, body) for place, body in enumerate(bodies))), "/metrics", **how
    )


def rows(found: Rows) -> list[tuple[int, str, float]]:
    """The rows, series by name."""
    return [
        (at, found.names[code], value) for at, code, value in zip(found.at_ns, found.codes, found.values, strict=True)
    ]


def test_a_page_is_read(tmp_path: Path) -> None:
    """Labels in any order and with any text, timestamps, exponents and infinity; what is no number is not there."""
    heard, found = said(tmp_path, PAGE)
    assert rows(found) == [
        (0, 'gw_requests_total{outcome="ok",route="a b"}', 12.0),
        (0, 'gw_requests_total{outcome="say \\"no\\" \\\\ \\n",route="}"}', 3.0),
        (0, 'gw_seconds_bucket{le="+Inf"}', 4.0),
        (0, "gw_in_flight", 2.5),
        (0, "gw_most", float("inf")),
    ]
    assert heard == Heard("/metrics", 1, {}, 6, (), {"gw_requests_total": "counter", "gw_seconds": "histogram"})


def test_a_series_is_one_however_it_is_written(tmp_path: Path) -> None:
    """Order of labels, blanks and a comma at the end make no other series."""
    heard, found = said(tmp_path, b'a{x="1",y="2"} 1\n', b'a { y="2",x="1", }  2\n')
    assert rows(found) == [(0, 'a{x="1",y="2"}', 1.0), (10**9, 'a{x="1",y="2"}', 2.0)]
    assert heard.readings == 2
    assert canonical("a", {"y": "2", "x": "1"}) == 'a{x="1",y="2"}'


@pytest.mark.parametrize(
    "line",
    [
        b"<html><script>alert(1)</script></html>",
        b'a{b="c" 1',
        b"a{b=c} 1",
        b'a{b="c",b="d"} 1',
        b"a 1_000",
        b"a one",
        b"a 1 2 3",
        b"9a 1",
        b"\xff\xfe\x00\x01",
        b"a{" + b'b="' + b'\\"' * 3000 + b'"} 1',
        b"a" + b" " * 100_000 + b"x y z",
    ],
    ids=lambda line: line[:12].decode("latin-1").strip(),
)
def test_garbage_is_counted_and_the_rest_kept(tmp_path: Path, line: bytes) -> None:
    """A line that is no sample leaves the others as they are."""
    heard, found = said(tmp_path, b"good 1\n" + line + b"\ngood_too 2\n")
    assert [name for _, name, _ in rows(found)] == ["good", "good_too"]
    assert heard.readings == 1
    assert heard.trouble == ("1 lines of /metrics were no samples, too long, or there twice",)


def test_a_page_without_a_sample_is_a_failure(tmp_path: Path) -> None:
    """HTML, nothing at all and a page of comments say nothing of the gateway."""
    heard, found = said(tmp_path, b"<html>\n", b"", b"# TYPE a counter\n", b"a 1\n")
    assert heard.failures == {"no sample of a metric was on it": 3}
    assert (heard.readings, len(found)) == (1, 1)


def test_a_sample_counts_once_a_page(tmp_path: Path) -> None:
    """The second of two is left out and counted."""
    heard, found = said(tmp_path, b"a 1\na 2\n")
    assert [value for *_, value in rows(found)] == [1.0]
    assert "there twice" in heard.trouble[0]


def test_too_many_series_are_cut_and_said(tmp_path: Path) -> None:
    """Of 6 000 series 5 000 are kept, on each page."""
    page = b"".join(b'a{n="%d"} 1\n' % number for number in range(6000))
    heard, found = said(tmp_path, page, page)
    assert len(found) == 2 * pages.MOST_SERIES
    assert heard.trouble == ("2 pages of /metrics held more than 5000 series: the others were left out",)


def test_new_labels_on_every_page_come_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that puts request ids into labels has a bounded number of series, and the old ones go on."""
    monkeypatch.setattr(pages, "MOST_NAMES", 10)
    bodies = [b"kept 1\n" + b"".join(b'a{id="%d-%d"} 1\n' % (page, row) for row in range(6)) for page in range(4)]
    heard, found = said(tmp_path, *bodies)
    assert len(found.names) == 10
    assert sum(name == "kept" for _, name, _ in rows(found)) == 4
    assert "more than 10 different series" in heard.trouble[0]


def test_a_long_page_is_cut_at_a_line(tmp_path: Path) -> None:
    """The last line of a page that was cut may be half a number, and is not believed."""
    heard, found = parse(written(tmp_path / "p", Page(1, b"a 1\nb 12345", whole=False)), "/metrics")
    assert rows(found) == [(1, "a", 1.0)]
    assert heard.trouble == ("1 page of /metrics longer than 4 MB: the rest was cut off",)


def test_a_long_run_is_thinned_and_said(tmp_path: Path) -> None:
    """Of pages with too many rows altogether every second is read."""
    heard, found = said(tmp_path, *([b"a 1\nb 2"] * 10), most_rows=10)
    assert [at for at, name, _ in rows(found) if name == "a"] == [place * 10**9 for place in (0, 2, 4, 6, 8)]
    assert heard.trouble == ("one in 2 pages of /metrics was read, for all of them are too many rows",)


def test_hostile_pages_are_read_in_time(tmp_path: Path) -> None:
    """Lines made to take long cost little: 4 MB of each kind are through within seconds."""
    lines = [
        b"a{" + b'\\"' * 2000,
        b"a" + b" " * 4000 + b"x y",
        b"a{" + b'b="c",' * 600,
        b'a{b="' + b'\\"' * 2000 + b'"} 1',
    ]
    bodies = [(line + b"\n") * (4_000_000 // len(line)) for line in lines]
    began_s = time.process_time()
    heard, _ = said(tmp_path, *bodies)
    assert time.process_time() - began_s < 15
    assert heard.trouble


def test_failures_are_counted_by_their_reason(tmp_path: Path) -> None:
    """Each reason once, with its number."""
    heard, _ = parse(
        written(tmp_path / "p", Page(1, why="nobody listens"), Page(2, why="nobody listens"), Page(3, b"a 1\n")), "/m"
    )
    assert (heard.readings, heard.failures) == (1, {"nobody listens": 2})


def test_a_full_file_keeps_no_more_pages(tmp_path: Path) -> None:
    """What does not fit any more is counted, and smaller pages still go in."""
    path = written(
        tmp_path / "p", Page(1, b"a 1\n"), Page(2, bytes(range(256)) * 40), Page(3, b"a 2\n"), most_bytes=100
    )
    heard, found = parse(path, "/m")
    assert [value for *_, value in rows(found)] == [1.0, 2.0]
    assert heard.failures == {"the file that keeps pages is full": 1}


def test_a_torn_tail_loses_the_last_page_at_most(tmp_path: Path) -> None:
    """Wherever the file ends, every page before the last is there."""
    whole = written(tmp_path / "p", *(Page(place, b"a %d\n" % place) for place in range(1, 4))).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "torn").write_bytes(whole[:length])
        found = [page.at_ns for page in read_pages(tmp_path / "torn")]
        assert found == [1, 2, 3][: len(found)]
        assert len(found) >= whole[:length].count(b'"at_ns"') - 1


@pytest.mark.parametrize("head", [b"", b"{}", b"[]", b'{"bytes":"x"}', b'{"at_ns":1,"bytes":4,"whole":true,"why":""}'])
def test_a_damaged_part_ends_quietly(tmp_path: Path, head: bytes) -> None:
    """What is no page of ours is the end of the file."""
    (tmp_path / "p").write_bytes(head + b"\nabcd\n")
    assert list(read_pages(tmp_path / "p")) == []
    assert list(read_pages(tmp_path / "none")) == []


def test_a_page_that_was_packed_to_burst_does_not(tmp_path: Path) -> None:
    """However large a damaged file says that a page becomes, no more than a page is unpacked."""
    file = io.BytesIO()
    PageFile(file).add(Page(1, b"a 1\n" * 5_000_000))
    (tmp_path / "p").write_bytes(file.getvalue())
    (page,) = read_pages(tmp_path / "p")
    assert len(page.body) == pages.MOST_PAGE_BYTES
    assert json.loads(file.getvalue().split(b"\n")[0])["bytes"] < 200_000
