# SPDX-License-Identifier: Apache-2.0
"""What a watch writes: JSON, tables, page, calendar; and the command."""

from __future__ import annotations

import csv
import html.parser
import json
import shutil
import subprocess
from datetime import date, timedelta

import polars as pl
import pytest

from oreserve.cli import main
from oreserve.study import load_study
from oreserve.watch import watch
from oreserve.watch._calendar import escaped, folded

DAY = "2026-11-22"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def run(capsys, *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err + printed.out
    return code, printed.out, printed.err


# --- calendar ------------------------------------------------------------------------


def read_calendar(data: bytes) -> list[dict[str, str]]:
    """Read the events as a small client would: unfold, split, unescape."""
    text = data.decode("utf-8")
    assert text.endswith("\r\n")
    lines = text.removesuffix("\r\n").split("\r\n")
    assert all("\n" not in line and "\r" not in line for line in lines)
    assert all(len(line.encode()) <= 75 for line in lines)
    whole: list[str] = []
    for line in lines:
        if line.startswith(" "):
            whole[-1] += line[1:]
        else:
            whole.append(line)
    assert (whole[0], whole[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    assert "VERSION:2.0" in whole
    events: list[dict[str, str]] = []
    for line in whole[1:-1]:
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            events.append({})
        elif line != "END:VEVENT" and events:
            assert name not in events[-1]
            events[-1][name] = unescape(value)
    return events


def unescape(value: str) -> str:
    found, rest = "", iter(value)
    for letter in rest:
        if letter != "\\":
            assert letter not in ",;"
            found += letter
            continue
        following = next(rest)
        found += "\n" if following in "nN" else following
    return found


def test_calendar_of_the_bundled_study_holds_the_chinese_date():
    found = watch(load_study("us-2026"), on=DAY)
    events = read_calendar(found.calendar().encode())
    first = events[0]
    assert first["DTSTART;VALUE=DATE"] == "20261127"
    assert first["DTEND;VALUE=DATE"] == "20261128"
    assert first["SUMMARY"] == "China ban to USA: suspension ends"
    assert "germanium\nSource: CHN3" in first["DESCRIPTION"]
    assert len({e["UID"] for e in events}) == len(events)
    for event in events:
        assert {"UID", "DTSTAMP", "DTSTART;VALUE=DATE", "SUMMARY"} <= set(event)
        start, end = (
            date.fromisoformat(event[f"{name};VALUE=DATE"])
            for name in ("DTSTART", "DTEND")
        )
        assert end - start == timedelta(days=1)


def test_entry_keeps_its_uid_when_its_date_moves(measure):
    uids = {
        read_calendar(
            watch(measure(**{"from": day}), on=DAY).calendar().encode()
        )[0]["UID"]
        for day in ("2026-12-01", "2028-02-29")
    }  # fmt: skip
    assert len(uids) == 1


@pytest.mark.parametrize("text", ["a,b;c\\d\ne", "é" * 90, "x" * 75, "🪨" * 40, ""])
def test_any_text_survives_folding_and_escaping(text):
    line = folded(f"SUMMARY:{escaped(text)}")
    parts = line.split("\r\n")
    assert all(len(part.encode()) <= 75 for part in parts)
    assert all(part.startswith(" ") for part in parts[1:])
    joined = parts[0] + "".join(part[1:] for part in parts[1:])
    assert unescape(joined.removeprefix("SUMMARY:")) == text


# --- folder --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    target = tmp_path_factory.mktemp("watch") / "out"
    return watch(load_study("tiny"), on=DAY, since="2026-01-01").save(target)


def test_folder_holds_what_is_promised(folder):
    names = {p.name for p in folder.iterdir()}
    assert {"watch.json", "alerts.csv", "exposure.csv", "changes.csv", "dates.csv",
            "watch.html", "calendar.ics"} <= names  # fmt: skip


def test_json_and_tables_say_the_same(folder):
    document = json.loads((folder / "watch.json").read_text(encoding="utf-8"))
    with (folder / "alerts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [a["id"] for a in document["alerts"]] == [r["id"] for r in rows]
    assert sum(document["counts"].values()) == len(rows)
    assert document["since"] == {"date": "2026-01-01"}
    exposed = sum(len(a["exposed"]) + len(a["elsewhere"]) for a in document["alerts"])
    assert pl.read_csv(folder / "exposure.csv").height == exposed


def test_same_watch_gives_the_same_bytes(folder, tmp_path):
    again = watch(load_study("tiny"), on=DAY, since="2026-01-01").save(tmp_path / "b")
    for file in sorted(folder.iterdir()):
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


class Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.add(tag)
        self.ids.add(given.get("id") or "")
        self.links.append(given.get("href") or "#")
        if tag not in {"meta", "br", "link", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_whole_and_offline(folder):
    page = Page()
    page.feed((folder / "watch.html").read_text(encoding="utf-8"))
    assert page.open == []
    assert not page.tags & {"script", "link", "img", "iframe"}
    inner = {link[1:] for link in page.links if link.startswith("#") and link != "#"}
    assert inner <= page.ids


def test_page_escapes_what_a_study_says(measure):
    from oreserve.watch._page import render_page

    study = measure(note="<script>alert(1)</script>", **{"from": "2026-12-01"})
    page = render_page(watch(study, on=DAY))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_page_of_nothing(quiet):
    from oreserve.watch import Lines
    from oreserve.watch._page import render_page

    lines = Lines(hhi=1, top_share=1, import_reliance=1, price_low=0, price_high=99,
                  price_alarm=99, price_split=99)  # fmt: skip
    found = watch(quiet, on=DAY, lines=lines)
    assert found.alerts == ()
    assert "Nothing to report" in render_page(found)


@pytest.mark.page
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
def test_page_draws_without_a_word_on_the_console(folder, tmp_path):
    shot = tmp_path / "w.png"
    done = subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
         "--disable-background-networking", f"--user-data-dir={tmp_path / 'profile'}",
         "--enable-logging=stderr", "--window-size=1100,1400", f"--screenshot={shot}",
         (folder / "watch.html").as_uri()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ":CONSOLE" not in done.stderr
    assert shot.stat().st_size > 50_000


# --- command -------------------------------------------------------------------------


def test_command_prints_one_document_and_nothing_else(capsys):
    code, out, err = run(capsys, "watch", "us-2026", "--on", DAY, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["alerts"][0]["subject"] == "china_ban_to_usa"
    assert document["alerts"][0]["dates"]["suspended_until"] == "2026-11-27"


@pytest.mark.parametrize(
    "level, code", [("alarm", 0), ("warning", 10), ("notice", 10), ("info", 10)]
)
def test_exit_code_for_a_scheduled_job(capsys, level, code):
    # tiny has warnings but no alarm on that day
    assert run(capsys, "watch", "tiny", "--on", DAY, "--fail-on", level)[0] == code


def test_alerts_are_written_before_the_exit_code_says_so(capsys, tmp_path):
    out = tmp_path / "w"
    code, _, _ = run(capsys, "watch", "tiny", "--on", DAY, "--out", str(out),
                     "--fail-on", "warning")  # fmt: skip
    assert code == 10
    assert (out / "watch.html").is_file()


def test_lines_are_options(capsys):
    code, out, _ = run(capsys, "watch", "tiny", "--on", DAY, "--line", "price_split=9",
                       "--line", "least_points=8", "--json")  # fmt: skip
    document = json.loads(out)
    assert code == 0
    assert document["lines"]["least_points"] == 8
    assert not any(a["event"] == "split" for a in document["alerts"])


def test_second_run_remembers_what_was_seen_first(capsys, tmp_path):
    out = tmp_path / "w"
    for day in (DAY, "2026-11-24"):
        assert run(capsys, "watch", "tiny", "--on", day, "--out", str(out))[0] == 0
    document = json.loads((out / "watch.json").read_text(encoding="utf-8"))
    assert {a["first_seen"] for a in document["alerts"]} == {DAY}
    (out / "watch.json").write_text("{")
    assert run(capsys, "watch", "tiny", "--on", DAY, "--out", str(out))[0] == 0


@pytest.mark.parametrize(
    "arguments, hint",
    [
        (["--on", "22/11/2026"], "YYYY-MM-DD"),
        (["--on", DAY, "--since", "tinny"], "neither a date"),
        (["--on", DAY, "--since", "2027-01-01"], "after on"),
        (["--on", DAY, "--fail-on", "alarms"], "did you mean alarm?"),
        (["--on", DAY, "--plan", "nowhere"], "no plan.json"),
        (["--on", DAY, "--line", "hi=0.5"], "did you mean hhi?"),
        (["--on", DAY, "--line", "hhi=much"], "is no number"),
        (["--on", DAY, "--line", "hhi=2"], "0 to 1"),
    ],
)
def test_wrong_input_is_exit_1(capsys, tmp_path, arguments, hint):
    out = tmp_path / "w"
    code, printed, err = run(capsys, "watch", "tiny", *arguments, "--out", str(out))
    assert (code, printed) == (1, "")
    assert hint in err
    assert not out.exists()


def test_day_is_required(capsys):
    assert run(capsys, "watch", "tiny")[0] == 2
