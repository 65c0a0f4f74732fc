# SPDX-License-Identifier: Apache-2.0
"""`oreserve reserve ...` as a person types it: what it prints, and its exit code."""

from __future__ import annotations

import io
import json
import sqlite3
from pathlib import Path

import pytest
import xlsxwriter

from oreserve.cli import main
from oreserve.cli._guard import _explain
from oreserve.cli._words import allowed_text
from oreserve.reserve import Refused


@pytest.fixture
def run(capsys):
    """Run a command; return its exit code, output and errors."""

    def command(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        told = capsys.readouterr()
        return code, told.out, told.err

    return command


@pytest.fixture
def where(run, tmp_path) -> Path:
    """Make a reserve with a manager, an inspector, a depot and an owner."""
    file = tmp_path / "reserve.db"
    assert run(
        *("reserve", "create", file, "--name", "Test", "--as", "ada"),
        *("--study", "tiny"),
    )[0] == 0  # fmt: skip
    for user, role in (("max", "manager"), ("ian", "inspector"), ("lyn", "analyst")):
        given = json.dumps({"user": user, "name": user.title(), "roles": [role]})
        assert run(*did(file, "add_user", given, by="ada"))[0] == 0
    depot = '{"depot": "D1", "name": "North", "country": "USA"}'
    owner = '{"owner": "strategic", "name": "Strategic", "kind": "strategic"}'
    assert run(*did(file, "add_depot", depot))[0] == 0
    assert run(*did(file, "add_owner", owner))[0] == 0
    return file


def did(file: Path, command: str, given: str, *, by: str = "max", **more: str) -> list:
    words = ["reserve", "run", file, command, "--as", by, "--reason", "test"]
    for name, value in more.items():
        words += [f"--{name}", value]
    return [*words, "--args", given]


LOT = (
    '{"item": "dy_oxide", "depot": "D1", "owner": "strategic", "tonnes": "1.5",'
    ' "received_on": "2026-01-05", "cost_usd": "300000"}'
)


def test_a_new_reserve_says_what_it_holds_and_verifies(run, where):
    assert run(*did(where, "receive_lot", LOT, by="ian"))[0] == 0
    code, out, _ = run("reserve", "status", where)
    assert code == 0
    assert "1.5 t strategic" in out
    code, out, _ = run("reserve", "verify", where)
    assert code == 0
    assert len(out.strip().splitlines()) == 1
    assert out.startswith("In order: 8 entries")


def test_a_file_is_not_overwritten_by_create(run, where):
    code, _, err = run("reserve", "create", where, "--name", "B", "--as", "bob")
    assert code == 1
    assert "holds a reserve already" in err
    assert run("reserve", "demo", where)[0] == 1
    _, out, _ = run("reserve", "status", where)
    assert out.startswith("Test:")


def test_a_key_repeats_the_first_result(run, where):
    words = did(where, "receive_lot", LOT, by="ian", key="once")
    _, first, _ = run(*words, "--json")
    code, again, _ = run(*words, "--json")
    assert code == 0
    assert json.loads(again)["repeated"] is True
    assert json.loads(again)["result"] == json.loads(first)["result"]
    _, out, _ = run("reserve", "show", where, "lots")
    assert "1 rows" in out


def test_a_refusal_names_the_rule_and_exits_with_1(run, where):
    code, _, err = run(*did(where, "receive_lot", LOT, by="max"))
    assert code == 1
    assert "max (manager) may not receive_lot: it needs inspector or storekeeper" in err
    code, _, err = run(*did(where, "recieve_lot", LOT, by="ian"))
    assert code == 1
    assert "nearest: 'receive_lot'" in err


def test_arguments_of_list_elements_are_told(run):
    _, out, _ = run("reserve", "commands", "draft_order")
    assert "each: due_on" in out
    assert "tonnes for grams" in out


def test_a_refusal_says_what_would_be_allowed_in_tonnes_and_usd():
    refused = Refused("ceiling", "too much", {"grams": 2_500_000})
    assert _explain(refused) == ("Input error: too much\nAllowed: up to 2.5 t", 1)
    told = Refused("role", "it needs buyer", ["buyer"])  # once is enough
    assert _explain(told) == ("Input error: it needs buyer", 1)
    assert allowed_text({"ceiling_grams": 1_500_000}) == "ceiling 1.5 t"
    assert (
        allowed_text("deliveries of 123 g in all") == "deliveries of 0.000123 t in all"
    )
    assert allowed_text("at most 12.50 USD (1250 cents)") == "at most 12.50 USD"
    assert allowed_text({"cents": 123_456}) == "up to 1,234.56 USD"
    assert allowed_text("2026-01-05 to 2026-11-20") == "2026-01-05 to 2026-11-20"


@pytest.mark.parametrize(
    "given, told",
    [
        ("no.json", "neither JSON nor a file"),
        ('{"depot": ', "is no JSON"),
        ("{}", "depot: Field required"),
    ],
)
def test_arguments_that_cannot_be_read_are_explained(run, where, given, told):
    code, _, err = run(*did(where, "add_depot", given))
    assert code == 1
    assert told in err


def test_arguments_come_from_a_file_or_from_standard_input(
    run, where, tmp_path, monkeypatch
):
    file = tmp_path / "lot.json"
    file.write_text(LOT, encoding="utf-8")
    assert run(*did(where, "receive_lot", str(file), by="ian"))[0] == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(LOT))
    assert run(*did(where, "receive_lot", "-", by="ian"))[0] == 0
    _, out, _ = run("reserve", "show", where, "lots", "--json")
    assert [row["grams"] for row in json.loads(out)] == [1_500_000, 1_500_000]


def test_show_lists_views_filters_and_respects_the_viewer(run, where):
    run(*did(where, "receive_lot", LOT, by="ian"))
    _, out, _ = run("reserve", "show", where)
    assert "ceilings_against_money" in out
    _, out, _ = run("reserve", "show", where, "lots", "--where", "item=dy_oxide")
    assert "cost_usd" in out
    assert "300,000.00" in out
    _, out, _ = run("reserve", "show", where, "lots", "--as", "lyn")
    assert "cost_usd" not in out
    code, _, err = run("reserve", "show", where, "audit", "--as", "lyn")
    assert code == 1
    assert "not shown to analyst" in err
    code, _, err = run("reserve", "show", where, "lots", "--as", "lym")
    assert code == 1
    assert "nearest: 'lyn'" in err
    code, _, err = run("reserve", "show", where, "lots", "--where", "item")
    assert code == 1
    assert "COLUMN=VALUE" in err


def test_verify_finds_a_changed_gram_and_a_cut_tail(run, where):
    run(*did(where, "receive_lot", LOT, by="ian"))
    _, out, _ = run("reserve", "verify", where, "--json")
    head = json.loads(out)["head"]
    assert run("reserve", "verify", where, "--head", head)[0] == 0
    other = f"{int(head.split(':')[0]) + 5}:{'0' * 64}"
    code, out, _ = run("reserve", "verify", where, "--head", other)
    assert code == 1
    assert out.startswith("NOT in order")
    with sqlite3.connect(where) as raw:
        raw.execute("UPDATE lots SET grams = grams + 1")
    raw.close()
    code, out, _ = run("reserve", "verify", where, "--json")
    assert code == 1
    assert "lots" in json.loads(out)["problem"]
    code, _, err = run("reserve", "verify", where, "--head", "12")
    assert code == 1
    assert "--head" in err


def test_export_writes_whole_folders_and_checks_roles(run, where, tmp_path):
    code, _, _ = run("reserve", "export", where, "--out", tmp_path / "public")
    assert code == 0
    assert (tmp_path / "public" / "datapackage.json").is_file()
    code, _, err = run(
        *("reserve", "export", where, "--level", "full", "--as", "lyn"),
        *("--out", tmp_path / "full"),
    )
    assert code == 1
    assert "may not export_full" in err
    assert not (tmp_path / "full").exists()
    code, _, err = run(
        "reserve", "export", where, "--level", "publik", "--out", tmp_path / "x"
    )
    assert code == 1
    assert "did you mean public" in err


def test_backup_verifies_and_restores(run, where, tmp_path):
    copy, other = tmp_path / "copy.db", tmp_path / "other.db"
    assert run("reserve", "backup", where, copy)[0] == 0
    assert run("reserve", "verify", copy)[0] == 0
    assert run("reserve", "backup", where, copy)[0] == 1  # never over a file
    assert run("reserve", "restore", copy, other)[0] == 0
    assert run("reserve", "verify", other)[0] == 0


def test_migrate_says_that_all_is_up_to_date(run, where):
    code, out, _ = run("reserve", "migrate", where)
    assert code == 0
    assert "they were up to date" in out


def test_a_workbook_is_previewed_then_written(run, where, tmp_path):
    template = tmp_path / "template.xlsx"
    assert run("reserve", "template", template, "--reserve", where)[0] == 0
    assert run("reserve", "template", template)[0] == 1  # never over a file
    filled = tmp_path / "filled.xlsx"
    with xlsxwriter.Workbook(filled) as made:
        page = made.add_worksheet("lots")
        names = ["item", "depot", "owner", "tonnes", "received_on"]
        page.write_row(0, 0, names)
        page.write_row(1, 0, ["dy_oxide", "D1", "strategic", 2, "2026-01-05"])
    words = ["reserve", "import", where, filled, "--as", "ian", "--reason", "opening"]
    code, out, _ = run(*words)
    assert code == 0
    assert "this was a preview" in out
    code, out, _ = run(*words, "--write", "--json")
    assert code == 0
    assert json.loads(out)["new"] == 1
    _, out, _ = run(*words, "--write")
    assert "0 new, 1 known already" in out


def test_commands_explain_themselves(run):
    code, out, _ = run("reserve", "commands")
    assert code == 0
    assert "receive_lot" in out
    code, out, _ = run("reserve", "commands", "receive_lot")
    assert "roles: inspector, storekeeper" in out
    assert "received_on" in out
    assert run("reserve", "commands", "receive_lott")[0] == 1


def test_users_passwords_and_tokens(run, where, monkeypatch):
    _, out, _ = run("reserve", "users", where)
    assert "lyn  analyst: Lyn" in out
    monkeypatch.setattr("sys.stdin", io.StringIO("a long enough secret\n"))
    code, out, err = run("reserve", "password", where, "lyn", "--as", "ada")
    assert code == 0
    assert "long enough" not in out + err
    code, secret, _ = run(
        "reserve", "token", "issue", where, "lyn", "--as", "ada", "--name", "erp"
    )
    assert code == 0
    _, out, _ = run("reserve", "token", "list", where, "lyn")
    assert secret.strip() not in out
    name = out.split()[0]
    assert run("reserve", "token", "revoke", where, name, "--as", "ada")[0] == 0
    _, out, _ = run("reserve", "token", "list", where, "lyn")
    assert "revoked" in out
    _, out, _ = run("reserve", "show", where, "audit", "--json")
    assert "long enough" not in out
    assert secret.strip() not in out


def test_a_missing_file_is_one_line(run, tmp_path):
    code, _, err = run("reserve", "status", tmp_path / "absent.db")
    assert code == 1
    assert "no such file" in err
    assert "Traceback" not in err


def test_every_help_text_has_an_example(run):
    _, out, _ = run("reserve", "--help")
    for command in (
        *("create", "demo", "status", "stock", "show", "verify", "export", "backup"),
        *("restore", "migrate", "template", "import", "commands", "run", "users"),
        *("password", "token"),
    ):
        assert command in out
        if command != "token":
            _, told, _ = run("reserve", command, "--help")
            assert "For example" in told
