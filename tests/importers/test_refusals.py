# SPDX-License-Identifier: Apache-2.0
"""Every format against every way that a file is wrong."""

from __future__ import annotations

import gzip
import re
import zipfile

import pytest

from importers.samples import BOOKS, FORMATS, MAP, RENAMED, SWAPPED, TEXTS, renamed
from oreserve.cli import main
from oreserve.errors import InputError
from oreserve.importers import Options, fitting, import_into

README = "# Notes\n\nThis folder holds files. They are ours, and they are good.\n"
SAMPLES = [*sorted(TEXTS), *sorted(BOOKS)]
NO_YEAR = {"iea", "icmm"}  # every year goes to observations, or there is none


@pytest.fixture
def sample(write, book):
    """Write the good file of a format, or one with a text replaced."""

    def make(name, old=None, new=None, *, encoding="utf-8"):
        if name in TEXTS:
            file, text = TEXTS[name]
            if old is not None:
                assert old in text
                text = text.replace(old, new)
            return write(file, text, encoding)
        file, sheets = BOOKS[name]
        changed = sheets if old is None else renamed(sheets, old, new)
        assert old is None or changed != sheets
        return book(file, changed)

    return make


def options_of(name, **more):
    return Options(mapping=MAP if name == "csv" else {}, **more)


def word(name):
    return name.removesuffix("-book")


@pytest.fixture
def refused(tmp_path):
    """Import a wrong file; return the message after the checks that hold for all."""

    def run(name, path, **more):
        into = tmp_path / "study"
        with pytest.raises(InputError) as error:
            import_into(word(name), [path], into, options=options_of(name, **more))
        message = str(error.value)
        assert path.name in message
        assert "allowed: " in message
        assert re.search(r"\brow \d+", message), message
        assert "column " in message, message
        assert len(message) < 900
        assert not into.exists()
        assert not [p for p in tmp_path.iterdir() if p.name.startswith(".study")]
        return message

    return run


@pytest.mark.parametrize("name", SAMPLES)
def test_the_good_file_goes_in(name, sample, tmp_path):
    path = sample(name)
    found = import_into(word(name), [path], tmp_path / "s", options=options_of(name))
    assert found.rows_read
    assert any(t.height for t in found.tables.values())


@pytest.mark.parametrize("name", FORMATS)
def test_a_readme_says_what_it_is_and_that_nothing_reads_it(name, write, refused):
    message = refused(name, write("README.md", README))
    if name != "csv":
        assert f"is no {name} file but text without columns" in message
        assert "'# Notes'" in message
        assert "no importer reads it" in message
        assert "oreserve import csv --map" in message


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_file_is_called_empty(name, write, refused):
    assert "the file is empty" in refused(name, write("empty.csv", " \n"))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_cut_file_is_called_cut(name, sample, write, refused):
    whole = sample(name).read_bytes()
    text = name in TEXTS
    end = whole.rstrip().rindex(b",") if text else len(whole) // 2
    path = write("cut" + (".csv" if text else ".xlsx"), whole[:end])
    assert re.search("cut short|cells where the header has", refused(name, path))


@pytest.mark.parametrize("name", sorted({*TEXTS} - {"csv"}))
def test_a_cut_gzip_and_a_cut_quote_are_called_cut(name, sample, write, refused):
    path = sample(name)
    text = path.read_bytes()
    rows = b"\n".join([*text.splitlines()[1:], b""])
    cut = gzip.compress(text + rows * 4000)
    whole = write(f"{path.name}.gz", cut[: len(cut) - 40])
    assert "cut short" in refused(name, whole)
    if name != "baci":
        assert "cut short" in refused(name, write(path.name, text + b'"half a cell'))


@pytest.mark.parametrize("name", FORMATS)
def test_a_zip_of_other_things_lists_them(name, tmp_path, refused):
    path = tmp_path / "files.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "dear all")
        archive.writestr("photo.png", b"\x89PNG")
    message = refused(name, path)
    assert "a zip that holds no CSV file but 'letter.txt', 'photo.png'" in message


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_a_workbook_under_the_name_of_a_csv_is_called_one(name, book, refused):
    path = book("table.xlsx", {"Sheet1": [["a", "b"], [1, 2]]})
    path = path.rename(path.with_name("table.csv"))
    message = refused(name, path)
    assert "a workbook with the sheets 'Sheet1'" in message
    assert "saved as CSV" in message


@pytest.mark.parametrize("name", sorted({*BOOKS} - {"wgi-book"}))
def test_a_csv_under_the_name_of_a_workbook_is_called_one(name, write, refused):
    message = refused(name, write("table.xlsx", "x,y\n1,2\n"))
    assert "a CSV with the columns 'x', 'y'" in message


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_utf_16_is_named(name, sample, refused):
    assert "UTF-16" in refused(name, sample(name, encoding="utf-16"))


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_cp1252_reads_like_utf_8(name, sample, read):
    found = [
        read(name, sample(name, encoding=e), mapping=options_of(name).mapping)
        for e in ("utf-8", "cp1252", "utf-8-sig")
    ]
    for other in found[1:]:
        assert other.unmapped.equals(found[0].unmapped)
        assert {n: t.rows() for n, t in other.tables.items()} == {
            n: t.rows() for n, t in found[0].tables.items()
        }


@pytest.mark.parametrize("name", SAMPLES)
def test_a_renamed_column_is_named(name, sample, refused):
    old, new = RENAMED[name]
    message = refused(name, sample(name, old, new))
    assert old.strip(",") in message
    assert "is missing" in message or new in message or "no sheet" in message


@pytest.mark.parametrize("name", [n for n in SAMPLES if n not in NO_YEAR])
def test_a_year_that_the_file_lacks_is_named(name, sample, refused):
    message = refused(name, sample(name), year=1901)
    assert "1901" in message
    assert "--year" in message


@pytest.mark.parametrize("name", sorted(SWAPPED))
def test_one_unit_under_the_name_of_another_is_not_taken(
    name, sample, refused, tmp_path
):
    old, new = SWAPPED[name]
    path = sample(name, old, new)
    if name in {"usgs-mcs", "usgs-world", "bgs", "wmd"}:  # only the series is held
        found = import_into(
            word(name), [path], tmp_path / "s", options=Options(year=2024)
        )
        assert set(found.flags["flag"]) == {"suspect"}
        assert "under a wrong label?" in found.unmapped["reason"][0]
        assert "plants" not in found.tables
        return
    message = refused(name, path)
    assert re.search("unit|no index|no estimate|million USD", message)


@pytest.mark.parametrize("other", SAMPLES)
@pytest.mark.parametrize("name", FORMATS)
def test_a_file_of_another_format_says_which_importer_fits(
    name, other, sample, refused
):
    if word(other) == name or name == "csv" or other == "csv":
        return
    path = sample(other)
    assert fitting(path) == word(other)
    message = refused(name, path)
    assert f"use `oreserve import {word(other)}`" in message
    assert f"is no {name} file but a " in message


@pytest.mark.parametrize("name", FORMATS)
def test_the_command_refuses_in_one_line_without_traceback(
    name, write, tmp_path, capsys
):
    path = write("README.md", README)
    words = ["import", name, str(path), "--into", str(tmp_path / "study")]
    assert main(words) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("Input error: ")
    assert "Traceback" not in shown.err
    assert not (tmp_path / "study").exists()
