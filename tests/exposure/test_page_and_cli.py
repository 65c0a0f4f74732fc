# SPDX-License-Identifier: Apache-2.0
"""The commands assess and explain, and the page."""

from __future__ import annotations

import json

import pytest

from oreserve.cli import main
from oreserve.errors import InputError
from oreserve.report import write_assessment
from oreserve.study import load_study
from report.test_page import CHROMIUM, Page, chromium


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("assess") / "out"
    assert main(["assess", "tiny", "--out", str(target), "--excel"]) == 0
    return target


@pytest.fixture(scope="module")
def page(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_folder_holds_tables_page_and_workbook(folder):
    names = {f.name for f in folder.iterdir()}
    assert {"assess.json", "ranking.csv", "cells.csv", "origins.csv", "evidence.csv",
            "report.html", "tables.xlsx"} <= names  # fmt: skip


def test_table_is_printed(capsys):
    assert main(["assess", "tiny", "--home", "United States"]) == 0
    text = capsys.readouterr().out
    assert "gallium" in text
    assert "no data" in text
    assert "chn_dysprosium_licence" in text


def test_json_is_one_document(capsys):
    assert main(["assess", "tiny", "--json", "--weight", "cover=0"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["home"] == "USA"
    assert document["weights"]["cover"] == 0
    assert document["ranking"][-1]["score"] is None


def test_bad_mineral_is_named_and_the_rest_is_printed(capsys):
    code = main(["assess", "tiny", "-m", "galium", "-m", "Nd", "--json"])
    printed = capsys.readouterr()
    assert code == 1
    document = json.loads(printed.out)
    assert [r["mineral"] for r in document["ranking"]] == ["neodymium"]
    assert "did you mean gallium" in printed.err
    assert len(document["problems"]) == 1
    assert "did you mean gallium" in document["problems"][0]


def test_bad_mineral_is_named_on_the_page(tmp_path):
    target = tmp_path / "out"
    words = ["assess", "tiny", "-m", "galium", "-m", "Nd", "--out", str(target)]
    assert main(words) == 1
    text = Page((target / "report.html").read_text(encoding="utf-8")).text
    assert "did you mean gallium" in text


def test_table_says_kind_lists_and_what_home_keeps(capsys):
    assert main(["assess", "tiny", "--sort", "loss"]) == 0
    text = capsys.readouterr().out
    for words in ("3% w/o CHN", "100% indirect", "lists", "order of exposure"):
        assert words in text, words
    first = next(line for line in text.splitlines() if "indirect" in line)
    assert "neodymium" in first


@pytest.mark.parametrize(
    "words, hint",
    [
        (["--home", "Untied States"], "did you mean USA"),
        (["--weight", "cover"], "NAME=NUMBER"),
        (["--threshold", "40"], "above 0 to 1"),
    ],
)
def test_wrong_input_ends_with_one_and_a_hint(words, hint, capsys):
    assert main(["assess", "tiny", *words]) == 1
    assert hint in capsys.readouterr().err


def test_explain_prints_the_chain(folder, capsys):
    assert main(["explain", f"{folder}/cells.csv:2"]) == 0
    text = capsys.readouterr().out
    for word in ("formula:", "inputs:", "rows of the study:", "source invented"):
        assert word in text
    assert main(["explain", f"{folder}/cells.csv:2", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]


def test_explain_leads_from_what_stands_beside_the_score(folder, capsys):
    lines = (folder / "ranking.csv").read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines) if ",gallium," in line)
    assert main(["explain", f"{folder}/ranking.csv:{number}:home_kept"]) == 0
    text = capsys.readouterr().out
    assert "country of origin whose loss takes most" in text
    assert "  from " not in text  # low and high are those of the score
    assert main(["explain", f"{folder}/ranking.csv:{number}:score"]) == 0
    assert "  from " in capsys.readouterr().out
    lines = (folder / "elements.csv").read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines) if "gallium" in line)
    assert main(["explain", f"{folder}/elements.csv:{number}:hhi"]) == 0
    text = capsys.readouterr().out
    assert "plants/chn_gallium" in text


def test_page_is_whole_and_loads_nothing(page):
    assert page.open == []
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img"}
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], tag
        href = attributes.get("href") or "#"
        assert href.startswith(("#", "https://", "http://", "data:text/csv")), href


def test_page_links_lead_to_places_on_it(page):
    ids = [a["id"] for _, a in page.tags if a.get("id")]
    assert len(ids) == len(set(ids))
    inner = {a["href"][1:] for _, a in page.tags if (a.get("href") or "#")[1:]
             and (a.get("href") or "").startswith("#")}  # fmt: skip
    assert inner - set(ids) == set()


def test_page_shows_each_part(page):
    for text in (
        "minerals are exposed at 0.4", "What changes next", "Mineral by mineral",
        "Single points of failure", "no data", "sum of s_c^2", "Hafnium", "EU, US",
        "Chn gallium ban", "Class, ours", "100 % indirect", "By noise", "Home keeps",
        "order of exposure, not of damage", "largest country of origin",
    ):  # fmt: skip
        assert text in page.text, text
    drawings = [a for tag, a in page.tags if tag == "svg"]
    assert len(drawings) == 3


def test_every_figure_opens_its_evidence(page):
    details = [tag for tag, _ in page.tags if tag == "details"]
    cells = [a for tag, a in page.tags if tag == "tr" and "hhi" in (a.get("id") or "")]
    assert len(details) >= len(cells) > 8


def test_a_folder_that_is_no_assessment_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"assess\.json"):
        write_assessment(tmp_path, tmp_path / "r.html")


@pytest.mark.page
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_page_draws_without_a_word_on_the_console(tmp_path, folder):
    shot = tmp_path / "r.png"
    done = chromium(
        tmp_path / "profile", "--enable-logging=stderr", "--window-size=1100,1400",
        f"--screenshot={shot}", (folder / "report.html").as_uri(),
    )  # fmt: skip
    assert ":CONSOLE" not in done.stderr
    assert shot.stat().st_size > 50_000


def test_only_misspelt_minerals_still_print_json(capsys):
    assert main(["assess", "tiny", "-m", "galium", "--json"]) == 1
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert "did you mean gallium" in document["problems"][0]
    assert document["ranking"] == []
    assert "did you mean gallium" in printed.err


def test_table_says_as_of_which_day(capsys):
    assert main(["assess", "tiny"]) == 0
    assert f"as of {load_study('tiny').settings.as_of}" in capsys.readouterr().out


def test_years_without_trade_are_named(tmp_path):
    from oreserve.cli._assess import _history_line

    file = tmp_path / "history.csv"
    file.write_text("year,imports_t\n2021,\n2022,5.0\n2023,NaN\n", encoding="utf-8")
    line = _history_line(file)
    assert "2021 to 2023; no trade in the files for 2021, 2023" in line
    assert str(file) in line
