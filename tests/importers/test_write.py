# SPDX-License-Identifier: Apache-2.0
"""Writing into a study: whole or not at all; bad files; the command."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys

import polars as pl
import pytest

from importers.conftest import ROOT
from importers.layouts import LONG_HEAD, long_row
from oreserve.cli import main
from oreserve.errors import InputError
from oreserve.importers import IMPORTERS, Options, fitting, import_into, importer
from oreserve.study import load_study

GOOD = LONG_HEAD + long_row("Congo (Kinshasa)", "226,001") + long_row("Algeria", "5")


def snapshot(folder):
    return {p.name: p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_new_overlay_is_made_and_loads(write, tmp_path):
    into = tmp_path / "mine"
    found = import_into("usgs-mcs", [write("m.csv", GOOD)], into)
    assert found.rows_read == 2
    study = load_study(into)
    rows = study.table("plants").filter(pl.col("plant") == "cobalt_mining_COD")
    assert rows["base_activity_t_per_year"].to_list() == [226001]
    # What the file does not state stays as the study has it.
    before = load_study("us-2026").table("plants")
    before = before.filter(pl.col("plant") == "cobalt_mining_COD")
    assert rows["supply_elasticity"].to_list() == before["supply_elasticity"].to_list()
    assert "DZA" in study.table("countries")["country"].to_list()
    assert (into / "imports" / "usgs-mcs-unmapped.csv").is_file()


def test_the_second_import_replaces_by_key_and_keeps_the_rest(write, tmp_path):
    into = tmp_path / "mine"
    import_into("usgs-mcs", [write("m.csv", GOOD)], into)
    first = snapshot(into)
    import_into("usgs-mcs", [write("m.csv", GOOD)], into)
    assert snapshot(into) == first  # the same files give the same bytes
    import_into("hdi", [write("h.csv", "country,year,hdi\nPeru,2022,0.7\n")], into)
    study = load_study(into)
    countries = study.table("countries")
    peru = countries.filter(pl.col("country") == "PER")
    assert peru["hdi_score"].to_list() == [0.7]
    assert peru["governance"].null_count() == 0
    plants = pl.read_csv(into / "plants.csv", infer_schema=False)
    assert "cobalt_mining_COD" in plants["plant"].to_list()


def test_nothing_is_written_when_a_file_cannot_be_trusted(write, tmp_path):
    into = tmp_path / "mine"
    import_into("usgs-mcs", [write("m.csv", GOOD)], into)
    before = snapshot(into)
    bad = write("bad.csv", GOOD.replace("Statistics_detail", "Statistic_detail"))
    with pytest.raises(InputError):
        import_into("usgs-mcs", [write("m.csv", GOOD), bad], into)
    assert snapshot(into) == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".mine")]


def test_rows_that_break_the_study_are_not_written(write, tmp_path):
    mapping = {
        "table": "stocks",
        "columns": {"stock": "s", "item": "i", "country": "c",
                    "quantity_t": {"column": "t", "unit": "t"}},
        "constants": {"accessible_share": 5},
        "source": {"source_id": "OWN", "title": "Own"},
    }  # fmt: skip
    path = write("s.csv", "s,i,c,t\nx,copper,USA,1\n")
    with pytest.raises(InputError, match="nothing was written"):
        import_into("csv", [path], tmp_path / "a", options=Options(mapping=mapping))
    assert not (tmp_path / "a").exists()


def test_a_bundled_study_is_never_changed(write):
    with pytest.raises(InputError, match="a bundled study is never changed"):
        import_into("usgs-mcs", [write("m.csv", GOOD)], "us-2026")


def test_a_folder_with_other_files_is_left_alone(write, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        import_into("usgs-mcs", [write("m.csv", GOOD)], folder)


def test_an_older_edition_never_turns_a_newer_one_back(write, tmp_path):
    into = tmp_path / "mine"
    import_into("usgs-mcs", [write("m.csv", GOOD)], into)
    old = write(
        "w.csv",
        "SOURCE,COMMODITY,COUNTRY,TYPE,UNIT_MEAS,PROD_EST_ 2024\n"
        'MCS2025,Cobalt,Congo (Kinshasa),"Mine production",metric tons,220000\n',
    )
    found = import_into("usgs-world", [old], into)
    assert "older edition, kept" in found.unmapped["reason"][0]
    rows = load_study(into).table("plants")
    rows = rows.filter(pl.col("plant") == "cobalt_mining_COD")
    assert rows["base_activity_t_per_year"].to_list() == [226001]


BAD = {
    "empty": ("", "the file is empty"),
    "only a header": (LONG_HEAD, "a header but no rows"),
    "renamed column": (
        GOOD.replace("Statistics_detail", "Statistic_detail"),
        "row 1, column Statistics_detail: column 'Statistics_detail' is missing",
    ),
    "cut in a row": (GOOD[: GOOD.rindex("metric")], "row 3"),
    "cut in a quoted cell": (GOOD + 'A,"B', "cut short"),
    "no year": (GOOD.replace("2024", "next"), "row 2, column Year: 'next' is no year"),
    "letters decoded twice": (
        GOOD.replace("Algeria", "CÃ´te dâ€™Ivoire"),
        "row 3, column Country: wrongly encoded text",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_bad_file_is_refused_with_file_row_and_column(case, write, tmp_path):
    text, message = BAD[case]
    path = write("bad.csv", text)
    with pytest.raises(InputError) as error:
        import_into("usgs-mcs", [path], tmp_path / "s")
    assert message in str(error.value)
    assert "bad.csv" in str(error.value)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    "content, message",
    [
        (LONG_HEAD.encode() + b"1,\x00\n", "row 2: the file is corrupt: it holds zero"),
        (LONG_HEAD.encode() + b"1,\x81\n", "row 2: byte 0x81"),
        (GOOD.encode("utf-16"), "encoded as UTF-16"),
        (gzip.compress(GOOD.encode(), mtime=0)[:60], "corrupt or cut short"),
    ],
)
def test_broken_bytes_are_refused(write, tmp_path, content, message):
    with pytest.raises(InputError) as error:
        import_into("usgs-mcs", [write("bad.csv", content)], tmp_path / "s")
    assert message in str(error.value)


def test_a_broken_workbook_is_refused(write, tmp_path):
    with pytest.raises(InputError, match="workbook or archive that is corrupt"):
        import_into("icmm", [write("a.xlsx", b"PK\x03\x04 cut")], tmp_path / "s")


def test_a_year_that_the_file_lacks_is_refused(write, tmp_path):
    with pytest.raises(InputError, match=r"column Year.*no figures of 2019"):
        import_into(
            "usgs-mcs", [write("m.csv", GOOD)], tmp_path / "s",
            options=Options(year=2019),
        )  # fmt: skip


def test_a_file_of_another_format_says_which_importer_fits(write, tmp_path):
    path = write("m.csv", GOOD)
    assert fitting(path) == "usgs-mcs"
    for name in IMPORTERS:
        if name in {"usgs-mcs", "csv"}:
            continue
        assert not importer(name).sniff(path), name
        with pytest.raises(InputError, match="use `oreserve import usgs-mcs`"):
            import_into(name, [path], tmp_path / "s")


def test_an_unknown_format_names_the_nearest(write, tmp_path):
    with pytest.raises(InputError, match="did you mean 'comtrade'"):
        import_into("contrade", [write("m.csv", GOOD)], tmp_path / "s")


def test_the_command_writes_and_prints_json(write, tmp_path, capsys):
    into = tmp_path / "mine"
    words = ["import", "usgs-mcs", str(write("m.csv", GOOD)), "--into", str(into)]
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["tables"]["plants"] == 1  # Algeria stands in no list of the study
    assert document["sources"] == ["USGS-MCS-2026"]
    assert main(words) == 0
    assert "2 rows read" in capsys.readouterr().out


def test_the_command_refuses_without_traceback(write, tmp_path, capsys):
    path = write("bad.csv", "")
    assert main(["import", "baci", str(path), "--into", str(tmp_path / "s")]) == 1
    text = capsys.readouterr().err
    assert "the file is empty" in text
    assert "Traceback" not in text


def test_a_reader_that_has_enough_is_no_error(write, tmp_path):
    path = write("m.csv", GOOD)
    words = ["import", "usgs-mcs", str(path), "--into", str(tmp_path / "mine")]
    reader, writer = os.pipe()
    os.close(reader)  # as `head` does when it has its lines
    done = subprocess.run(
        [sys.executable, "-m", "oreserve", *words], stdout=writer,
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writer)
    assert done.stderr == ""
    assert done.returncode == 141
    assert load_study(tmp_path / "mine").table("plants").height  # written whole


def test_the_example_of_the_guide_works_to_its_end(tmp_path, monkeypatch):
    guide = (ROOT / "docs" / "howto" / "import.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(
        r"```\{\.\w+ file=(\S+)\}\n(.*?)```", guide, re.DOTALL
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    commands = re.findall(r"```sh\n(.*?)```", guide, re.DOTALL)
    lines = [line for block in commands for line in block.splitlines()]
    assert len(lines) == 3
    for line in lines:
        assert main(line.split()[1:]) == 0, line
    plants = load_study(tmp_path / "my-study").table("plants")
    mine = plants.filter(pl.col("plant") == "my_cobalt_mine").row(0, named=True)
    assert (mine["country"], mine["capacity_t_per_year"]) == ("MMR", 1500)


def test_a_preview_writes_nothing_and_says_old_and_new(write, tmp_path, capsys):
    path = write("m.csv", GOOD)
    into = tmp_path / "mine"
    words = ["import", "usgs-mcs", str(path), str(path), "--into", str(into)]
    assert main([*words, "--dry-run"]) == 0
    text, told = capsys.readouterr()
    assert "plants: 1 replaced, 0 unchanged, 0 added" in text
    assert "cobalt_mining_COD: 226,000 -> 226,001 t" in text
    assert "Nothing was written" in text
    assert "1 of the files given twice: read once" in told
    assert not into.exists()


def test_a_key_of_the_map_that_nobody_reads_is_refused(write, tmp_path):
    path = write(
        "BACI_HS92_Y2024_V202601.csv", "t,i,j,k,v,q\n2024,643,842,261510,2,1\n"
    )
    options = Options(mapping={"contentshares": {"260300": 0.25}})
    with pytest.raises(InputError, match="did you mean 'content_shares'"):
        import_into("baci", [path], tmp_path / "s", options=options)
    missing = ["import", "baci", str(path), "--into", str(tmp_path / "s"), "--map"]
    assert main([*missing, str(tmp_path / "nope.yaml")]) == 1


def test_output_of_no_stated_kind_leaves_a_recycler_alone(write, tmp_path):
    path = write(
        "m.csv",
        LONG_HEAD
        + long_row("United States", "\u2014", commodity="Bismuth",
                   detail="Refinery production")
        + long_row("China", "14,001", commodity="Bismuth",
                   detail="Refinery production"),
    )  # fmt: skip
    import_into("usgs-mcs", [path], tmp_path / "s")
    plants = load_study(tmp_path / "s").table("plants")
    kept = plants.filter(pl.col("plant") == "bismuth_recycling_USA")
    assert kept["base_activity_t_per_year"].to_list() == [80]


def test_the_rest_of_the_world_is_what_remains(write, tmp_path):
    rows = {"China": 60000, "Guatemala": 1000, "Other countries": 500}
    text = "".join(
        long_row(p, str(v), commodity="Antimony") for p, v in rows.items()
    ) + long_row("World total", "61,500", commodity="Antimony")
    before = load_study("us-2026").table("plants")
    others = before.filter(
        (pl.col("process") == "antimony_mining")
        & ~pl.col("country").is_in(["CHN", "ROW", "GTM"])
    )["base_activity_t_per_year"].sum()
    import_into("usgs-mcs", [write("m.csv", LONG_HEAD + text)], tmp_path / "s")
    plants = load_study(tmp_path / "s").table("plants")
    ours = dict(
        plants.filter(pl.col("process") == "antimony_mining")
        .select("country", "base_activity_t_per_year").iter_rows()
    )  # fmt: skip
    assert (ours["CHN"], ours["GTM"]) == (60000, 1000)
    assert ours["ROW"] == max(0.0, 500 - others)


def test_other_trade_is_no_alarm(write, tmp_path, capsys):
    rows = (
        "t,i,j,k,v,q\n2024,643,842,760110,24000,9990\n2024,643,842,760120,24,10\n"
        "2024,643,842,760130,24,10\n"
        "2024,643,842,010121,24,1000\n2024,643,842,252010,24,8990\n"
    )
    into = tmp_path / "mine"
    path = write("BACI_HS92_Y2024_V202601.csv", rows)
    words = ["import", "baci", str(path), "--into", str(into)]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "not mapped: 1 names, 10 t as published" in text
    assert "'760130' (10 t): no item names it; heading 7601 of the nearest" in text
    assert "nearest aluminum" in text
    assert "other trade, not for this study: 2 codes, 50.0% of the tonnes" in text
    assert "(1 in mineral chapters)" in text
    listed = pl.read_csv(into / "imports" / "baci-unmapped.csv", infer_schema=False)
    listed = listed.filter(pl.col("what") != "lane kept")
    assert sorted(listed["name"]) == ["010121", "252010", "760130"]  # the file has all
    assert main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in document["unmapped"] if r["what"] != "lane kept"] == [
        "760130"
    ]
    assert document["other_trade"]["codes"] == 2
