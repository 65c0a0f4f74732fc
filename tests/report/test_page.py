# SPDX-License-Identifier: Apache-2.0
"""The report as a page: whole, offline, readable aloud and on paper."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from oreserve.errors import InputError
from oreserve.report import _charts, write_report

SAMPLE = Path(__file__).parent / "sample"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Tags with their attributes; open tags must be closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(scope="module")
def html(tmp_path_factory) -> str:
    target = tmp_path_factory.mktemp("report") / "report.html"
    write_report(SAMPLE, target)
    return target.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_tags_nest(page):
    assert page.open == []


def test_page_runs_and_loads_nothing(page):
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        source = attributes.get("src") or attributes.get("xlink:href") or ""
        assert source == ""
        href = attributes.get("href") or ""
        if tag != "a":
            assert href == ""
        else:
            assert href.startswith(("#", "https://", "data:text/csv;base64,"))


def test_style_names_no_other_host(html):
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_ids_are_unique_and_links_find_them(page):
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert sorted(ids) == sorted(set(ids))
    inner = [a["href"] for t, a in page.tags if t == "a" and "href" in a]
    missing = [h for h in inner if h and h.startswith("#") and h[1:] not in ids]
    assert missing == []


def test_clip_paths_point_at_their_own_drawing(html):
    used = set(re.findall(r"url\(#([^)]+)\)", html))
    assert used <= set(re.findall(r'\bid="([^"]+)"', html))


def test_landmarks_and_headings_are_in_order(page):
    tags = [tag for tag, _ in page.tags]
    assert tags.count("main") == tags.count("h1") == tags.count("header") == 1
    assert "nav" in tags
    assert "footer" in tags
    levels = [int(t[1]) for t in tags if re.fullmatch(r"h[1-6]", t)]
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_every_drawing_has_words_and_a_table_twin(html, page):
    drawings = [a for t, a in page.tags if t == "svg"]
    assert len(drawings) > 8
    ids = {a["id"] for _, a in page.tags if "id" in a}
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set(str(drawing["aria-labelledby"]).split()) <= ids
    # After the last drawing of a figure group there is a table within reach.
    assert html.count('<details class="twin">') >= 10


def test_tables_have_captions_and_scopes(page):
    tags = [tag for tag, _ in page.tags]
    assert tags.count("caption") == tags.count("table")
    assert all(a.get("scope") in {"row", "col"} for t, a in page.tags if t == "th")


@pytest.mark.parametrize(
    "words",
    [
        "Buy 9 items, sign 3 agreements and back 3 projects for 11.9 billion USD",
        "to avoid 7.4 billion USD of losses",
        "± 600 million USD (95 %), 300 fresh scenarios",
        "3 minerals of the list could not be modelled: Samarium, Rubidium, Hafnium",
        "One year of home's use of the priced items costs 99 billion USD",
        "so 12 billion USD is 44 days of it.",
        "Gap",
        "Less sure: Anode plant, Queensland",
        "2 rows of the study are assumed",
        "37 % of that is promised to China, so 5.7 % of world supply is open to allies",
        "world output is withheld",
        (
            "Bought 9.1 billion USD; held for guarantees 50 million USD; projects "
            "2.75 billion USD; face value of commitments 13.2 billion USD; expected "
            "to be paid 14.1 billion USD."
        ),
        "Held, million USD",
        "sampling only; assumptions move it from 3.9 billion USD to 13.8 billion USD",
        "what market rules leave of the planner's hope",
        "The planner's own estimate is optimistic",
        "Three programmes under the same budget",
        (
            "All were verified on the same 60 fresh scenarios; the first page gives "
            "the plan on all 300."
        ),
        "the plan buys 9.1 billion USD of goods, because it weighs this case",
        "Chance of being built",
    ],
)
def test_first_page_says_what_matters(page, words):
    assert words in page.text.replace("\u202f", " ").replace("\xa0", " ")


def test_robust_share_decides_who_is_robust(page):
    text = page.text
    start = text.index("in at least 80")
    robust = text[start : text.index("Less sure")]
    assert "Heavy separation, Texas" in robust
    assert "Antimony metal" not in robust
    assert "10 of 15 robust" in text


def test_sentence_of_the_robust_names_six_at_most(page):
    text = page.text
    robust = text[text.index("Largest: ") : text.index("Less sure")]
    assert robust.count(",") <= 7
    assert "and 4 more" in robust


def test_small_rows_are_one_and_what_was_not_tested_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(_charts, "_svg", lambda *_, **__: "<svg></svg>")
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "plan"))
    signed = pl.read_csv(folder / "agreements.csv")
    row = pl.col("agreement") == "australia_cobalt"
    signed = signed.with_columns(
        robust_share=pl.when(row).then(None).otherwise(pl.col("robust_share"))
    )
    small = signed.head(1).select(
        pl.all().exclude("agreement", "outlay_usd"),
        outlay_usd=pl.lit(600_000.0),
        agreement=pl.lit("small"),
    )
    pl.concat([signed, small.select(signed.columns)]).write_csv(
        folder / "agreements.csv"
    )
    write_report(folder, folder / "r.html")
    text = Page((folder / "r.html").read_text(encoding="utf-8")).text
    assert "2 smaller ones, together0.6" in text  # cells between them are empty
    assert "All agreements" in text
    assert "not tested" in text
    assert "Cobalt metal from Australia" not in text


def test_many_years_leave_room_for_what_a_purchase_covers(tmp_path, monkeypatch):
    monkeypatch.setattr(_charts, "_svg", lambda *_, **__: "<svg></svg>")
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "plan"))
    bought = pl.read_csv(folder / "reserve.csv")
    later = bought.with_columns(pl.col("year") + 2)
    pl.concat([bought, later]).write_csv(folder / "reserve.csv")
    write_report(folder, folder / "r.html")
    html = (folder / "r.html").read_text(encoding="utf-8")
    front, full = html.split("All purchases</summary>")
    assert "2029,\xa0t" not in front
    assert "2029,\xa0t" in full
    assert "In all,\xa0t" in front


def test_reason_without_a_seller_is_in_plain_words(tmp_path, monkeypatch):
    monkeypatch.setattr(_charts, "_svg", lambda *_, **__: "<svg></svg>")
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "plan"))
    reason = "no supply without a measure on home: whoever makes it lives on it"
    pl.read_csv(folder / "coverage.csv").with_columns(reason=pl.lit(reason)).write_csv(
        folder / "coverage.csv"
    )
    write_report(folder, folder / "r.html")
    html = (folder / "r.html").read_text(encoding="utf-8")
    text = Page(html[: html.index("Assumptions that matter")]).words
    assert "Every seller outside depends on feed that is under licence" in "".join(text)
    assert "No supply without" not in "".join(text)


def test_csv_links_hold_the_tables(page):
    links = {a["download"]: a["href"] for t, a in page.tags if "download" in a}
    data = str(links["reserve.csv"]).split(",", 1)[1]
    carried = pl.read_csv(base64.b64decode(data))
    assert carried.equals(pl.read_csv(SAMPLE / "reserve.csv"))


def test_names_from_data_are_escaped(tmp_path):
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "plan"))
    head = json.loads((folder / "plan.json").read_text())
    head["study_title"] = "<script>alert(1)</script>"
    (folder / "plan.json").write_text(json.dumps(head))
    sources = (folder / "sources.csv").read_text()
    (folder / "sources.csv").write_text(
        sources + "bad,<b>x</b>,y,javascript:alert(1),z,2026-01-01\n"
    )
    write_report(folder, folder / "r.html")
    page = Page((folder / "r.html").read_text(encoding="utf-8"))
    assert "script" not in {t for t, _ in page.tags}
    assert not [a for _, a in page.tags if "javascript" in str(a.get("href"))]


@pytest.mark.parametrize("name", sorted(f.stem for f in SAMPLE.glob("*.csv")))
def test_any_table_may_be_absent(tmp_path, name, monkeypatch):
    monkeypatch.setattr(_charts, "_svg", lambda *_, **__: "<svg></svg>")
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "plan"))
    (folder / f"{name}.csv").unlink()
    write_report(folder, folder / "r.html")
    assert Page((folder / "r.html").read_text(encoding="utf-8")).open == []


def test_plan_of_nothing_says_so(tmp_path):
    folder = tmp_path / "plan"
    folder.mkdir()
    head = {"home": "USA", "budget_usd": 0, "outlays_usd": 0, "study": "none"}
    (folder / "plan.json").write_text(json.dumps(head))
    write_report(folder, folder / "r.html")
    text = Page((folder / "r.html").read_text(encoding="utf-8")).text
    assert "buys, signs and builds nothing" in text


@pytest.fixture
def changed(tmp_path, monkeypatch):
    """Return the words of the sample's page with other figures in its head."""
    monkeypatch.setattr(_charts, "_svg", lambda *_, **__: "<svg></svg>")

    def text(**figures: object) -> str:
        folder = Path(shutil.copytree(SAMPLE, tmp_path / "plan"))
        head = json.loads((folder / "plan.json").read_text())
        (folder / "plan.json").write_text(json.dumps(head | figures))
        write_report(folder, folder / "r.html")
        words = Page((folder / "r.html").read_text(encoding="utf-8")).text
        return words.replace("\u202f", " ").replace("\xa0", " ")

    return text


def test_budget_that_is_left_is_explained(changed, page):
    words = "nothing in this model is worth its cost; the frontier is flat there."
    assert words not in page.text  # 99 % of the sample's budget is used
    assert f"Beyond 4.88 billion USD {words}" in changed(outlays_usd=4.88e9)


def test_interval_with_zero_claims_no_avoided_loss(changed):
    text = changed(verified_benefit_usd=5e8)
    assert "for 11.9 billion USD: not shown to avoid losses." in text
    assert "to avoid" not in text.replace("not shown to avoid", "")


def test_more_than_planned_is_no_optimism(changed):
    text = changed(verified_over_planned=1.18)
    assert "the fresh scenarios were harsher than the plan's own" in text
    assert "optimistic" not in text
    assert "planner's hope" not in text


def test_half_written_folder_is_refused(tmp_path):
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "plan"))
    (folder / "plan.json").write_text('{"home": ')
    with pytest.raises(InputError, match=r"plan\.json is not whole"):
        write_report(folder, folder / "r.html")
    assert not (folder / "r.html").exists()


def test_same_folder_gives_the_same_page(tmp_path, html):
    write_report(SAMPLE, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == html


def chromium(profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync", f"--user-data-dir={profile}", *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.page
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_page_draws_without_a_word_on_the_console(tmp_path, html):
    file = tmp_path / "r.html"
    file.write_text(html, encoding="utf-8")
    shot = tmp_path / "r.png"
    done = chromium(
        tmp_path / "profile", "--enable-logging=stderr", "--window-size=1100,1400",
        f"--screenshot={shot}", file.as_uri(),
    )  # fmt: skip
    assert ":CONSOLE" not in done.stderr
    assert shot.stat().st_size > 50_000  # an empty page is a few thousand bytes


@pytest.mark.page
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_page_prints_with_the_decision_on_the_first_sheet(tmp_path, html):
    from pypdf import PdfReader

    file = tmp_path / "r.html"
    file.write_text(html, encoding="utf-8")
    sheet = tmp_path / "r.pdf"
    chromium(
        tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={sheet}",
        file.as_uri(),
    )  # fmt: skip
    pages = PdfReader(sheet).pages
    first = pages[0].extract_text()
    assert "Loss avoided, verified" in first
    assert 5 < len(pages) < 25
    assert "The same as a table" not in "".join(p.extract_text() for p in pages)
