# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: S608 - statements of tests are written by tests
from __future__ import annotations

import ast
import inspect
import os
import shutil
import sys
from dataclasses import replace

import pytest

from oreserve import reserve as api
from oreserve.reserve import Head, Reserve, StoreError, commands
from oreserve.reserve._audit import START, canonical
from oreserve.reserve._database import engine_of
from reserve.conftest import Clock, Desk, fill
from reserve.conftest import _command as server_command

UNREPEATABLE = {"time", "random", "secrets", "os", "uuid", "socket", "getpass"}


def test_commands_see_no_clock_no_chance_and_no_environment():
    """Replay gives the same rows only if a command sees its book and nothing else."""
    modules = {sys.modules[command.run.__module__] for command in commands().values()}
    assert len(modules) > 8
    for module in modules:
        tree = ast.parse(inspect.getsource(module))
        for node in ast.walk(tree):
            named = []
            if isinstance(node, ast.Import):
                named = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                named = [(node.module or "").split(".")[0]]
            assert not UNREPEATABLE & set(named), module.__name__
            if isinstance(node, ast.Attribute):
                assert node.attr not in {"now", "today", "utcnow"} or (
                    isinstance(node.value, ast.Name) and node.value.id == "book"
                ), f"{module.__name__}, line {node.lineno}"


def work(desk):
    """Do a little of everything that posts."""
    common = {"depot": "D1", "owner": "strategic", "received_on": "2026-01-02"}
    lot = desk.do(
        "sue", "receive_lot", item="ndpr_oxide", grams=10_000, cost_cents=7, **common
    )["lot"]
    desk.do("sue", "split_lot", lot=lot, grams=1_234)
    desk.do("sue", "relocate_lot", lot=lot, depot="D2")
    desk.do("ian", "assay_lot", lot=lot, assay=0.99)
    return lot


def unguarded(desk, *statements):
    """Change the database behind its back: drop the guards, change, restore them."""
    from oreserve.reserve._guards import guard_statements

    sqlite = desk.reserve.engine.dialect.name == "sqlite"
    with desk.reserve.engine.connect() as connection, connection.begin():
        run = connection.exec_driver_sql
        if sqlite:
            names = run("SELECT name FROM sqlite_master WHERE type = 'trigger'").all()
            for (name,) in names:
                run(f"DROP TRIGGER {name}")
        else:
            run("SET LOCAL session_replication_role = replica")
        for statement in statements:
            run(statement)
        if sqlite:
            for statement in guard_statements("sqlite"):
                run(statement)


def test_untouched_reserve_verifies_and_names_its_head(desk):
    work(desk)
    found = desk.reserve.verify(expected_head=desk.reserve.head())
    assert found.ok, found.summary()
    assert found.entries == len(desk.rows("audit"))
    assert found.transactions == 3
    assert str(found.head) in found.summary()
    assert Head.parse(str(found.head)) == found.head


def test_the_same_commands_leave_the_same_chain_on_both_databases(postgresql, tmp_path):
    name = "same_chain"
    server_command(postgresql, f"CREATE DATABASE {name}")
    heads = []
    for where in (str(tmp_path / "same.db"), f"{postgresql}/{name}"):
        clock = Clock()
        with api.create(where, name="Same", administrator="ada", clock=clock) as store:
            desk = Desk(store, clock, where)
            fill(desk)
            work(desk)
            heads.append(store.head())
    assert heads[0] == heads[1]


@pytest.mark.parametrize(
    "statement, check",
    [
        ("UPDATE audit SET reason = 'other' WHERE sequence = 5", "chain"),
        (
            "UPDATE audit SET at = replace(at, '2026', '2025') WHERE sequence = 5",
            "chain",
        ),
        ("UPDATE audit SET actor = 'max' WHERE sequence = 3", "chain"),
        ("DELETE FROM audit WHERE sequence = 5", "chain"),
        ("UPDATE audit SET sequence = 900 WHERE sequence = 5", "chain"),
        ("UPDATE lots SET assay = 0.98", "state"),
        ("UPDATE lots SET grams = grams + 1", "state"),
        ("UPDATE users SET name = 'Bia' WHERE \"user\" = 'bea'", "state"),
        ("INSERT INTO user_roles VALUES ('bea', 'treasurer')", "state"),
        ("UPDATE mass_postings SET grams = grams * 2", "state"),
        ("UPDATE money_postings SET cents = cents + 1", "state"),
        ("UPDATE transactions SET kind = 'gift'", "state"),
        ("UPDATE mass_balances SET grams = 1 WHERE account = 'opening'", "state"),
        ("UPDATE meta SET value = 'Mine' WHERE name = 'name'", "state"),
    ],
)
def test_changed_row_is_found_and_named(desk, statement, check):
    work(desk)
    unguarded(desk, statement)
    found = desk.reserve.verify()
    assert not found.ok
    assert found.problem.check == check, found.problem


def test_posting_taken_out_with_its_transaction_is_found(desk):
    work(desk)
    (last,) = [row for row in desk.rows("transactions") if row["kind"] == "split"]
    unguarded(
        desk,
        f"DELETE FROM mass_postings WHERE txn = '{last['txn']}'",
        f"DELETE FROM transactions WHERE txn = '{last['txn']}'",
    )
    found = desk.reserve.verify()
    assert (found.problem.check, last["txn"] in found.problem.where) == ("state", True)


def test_forged_entry_with_a_sound_hash_does_not_replay(desk):
    work(desk)
    from oreserve.reserve._audit import Entry, seal

    last = Entry(**desk.rows("audit")[-1])
    forged = replace(last, result=canonical({"lot": "LOT-999999"}))
    unguarded(
        desk,
        f"UPDATE audit SET result = '{forged.result}', hash = '{seal(forged)}' "
        f"WHERE sequence = {last.sequence}",
    )
    found = desk.reserve.verify()
    assert found.problem.check == "replay"
    assert "result" in found.problem.what


def test_cut_tail_is_noticed_by_the_head_noted_down(desk):
    noted_early = desk.reserve.head()
    work(desk)
    noted = desk.reserve.head()
    # A chain cut where only an assay and its row of state are undone is sound.
    unguarded(
        desk,
        f"DELETE FROM audit WHERE sequence = {noted.sequence}",
        "UPDATE lots SET assay = NULL, version = version - 1 WHERE depot = 'D2'",
    )
    assert desk.reserve.verify().ok
    assert desk.reserve.verify(expected_head=noted_early).ok
    found = desk.reserve.verify(expected_head=noted)
    assert found.problem.check == "head"


def test_head_of_another_reserve_is_not_in_the_chain(desk):
    other = Head(2, "ab" * 32)
    assert desk.reserve.verify(expected_head=other).problem.check == "head"
    assert desk.reserve.verify(expected_head=START).ok


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET reason = 'x'",
        "DELETE FROM audit",
        "UPDATE mass_postings SET grams = 1",
        "DELETE FROM mass_postings",
        "UPDATE money_postings SET cents = 1",
        "DELETE FROM transactions",
        (
            "INSERT INTO mass_postings SELECT txn, 99, account, item, lot, 5 FROM "
            "mass_postings LIMIT 1"
        ),
        (
            "INSERT INTO transactions (txn, sequence, at, kind) "
            "SELECT txn, 1, at, kind FROM transactions LIMIT 1"
        ),
    ],
)
def test_the_database_itself_refuses_to_rewrite_the_ledger(desk, statement):
    work(desk)
    with (
        desk.reserve.engine.connect() as connection,
        pytest.raises(Exception, match=r"append-only|sealed|already exists"),
        connection.begin(),
    ):
        connection.exec_driver_sql(statement)


def test_the_database_itself_refuses_what_does_not_balance(desk):
    work(desk)
    for postings, told in (
        (
            "INSERT INTO mass_postings VALUES ('T', 1, 'loss', 'cobalt', NULL, 5)",
            "item",
        ),
        ("INSERT INTO money_postings VALUES ('T', 1, 'cash', 5)", "cents"),
    ):
        seal = (
            "INSERT INTO transactions (txn, sequence, at, kind) "
            "VALUES ('T', 1, 'x', 'x')"
        )
        with desk.reserve.engine.connect() as connection, connection.begin() as begun:
            connection.exec_driver_sql(postings)
            with pytest.raises(Exception, match=told):
                connection.exec_driver_sql(seal)
            begun.rollback()
    # Postings without their transaction fall at the commit.
    with desk.reserve.engine.connect() as connection:
        connection.begin()
        connection.exec_driver_sql(
            "INSERT INTO money_postings VALUES ('T', 1, 'cash', 5)"
        )
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            connection.commit()


def test_missing_table_is_found_and_a_lost_database_is_no_finding(desk):
    work(desk)
    with desk.reserve.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql("ALTER TABLE meta RENAME TO mate")
    found = desk.reserve.verify()
    assert not found.ok
    assert found.problem.check == "file"
    with (
        pytest.raises(StoreError),
        api.open("postgresql://nobody@127.0.0.1:1/none") as lost,
    ):
        lost.verify()
    gone = Reserve(engine_of("postgresql://nobody@127.0.0.1:1/none"))
    with pytest.raises(StoreError):
        gone.verify()


def test_missing_guard_is_found(desk):
    work(desk)
    on = "" if desk.reserve.engine.dialect.name == "sqlite" else " ON transactions"
    with desk.reserve.engine.connect() as connection, connection.begin():
        connection.exec_driver_sql(f"DROP TRIGGER transactions_balance{on}")
    found = desk.reserve.verify()
    assert (found.problem.check, found.problem.where) == (
        "guards",
        "transactions_balance",
    )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_any_flipped_byte_of_kept_content_is_found(desk, tmp_path):
    """Flip single bytes of texts and numbers that the reserve keeps, one at a time."""
    work(desk)
    desk.reserve.engine.dispose()
    source = (tmp_path / "reserve.db").read_bytes()
    marks = [b"ndpr_oxide", b"split_lot", b"append-only", b"2026-01-02"]
    spots = [at for mark in marks for at in _all(source, mark)][:60]
    assert len(spots) > 20
    missed = []
    for spot in spots:
        copy = tmp_path / "copy.db"
        changed = bytearray(source)
        changed[spot] ^= 0x01
        copy.write_bytes(bytes(changed))
        for tail in ("-wal", "-shm"):
            (tmp_path / f"copy.db{tail}").unlink(missing_ok=True)
        if _sound(copy):
            missed.append(spot)
    assert missed == []


def _all(source, mark):
    at = source.find(mark)
    while at >= 0:
        yield at
        at = source.find(mark, at + 1)


def _sound(file):
    try:
        with api.open(file) as store:
            return store.verify().ok
    except StoreError:
        return False


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_cut_file_is_told_and_not_opened_as_if_nothing_was(desk, tmp_path):
    work(desk)
    desk.reserve.engine.dispose()
    copy = tmp_path / "copy.db"
    shutil.copyfile(desk.where, copy)
    os.truncate(copy, copy.stat().st_size // 2)
    assert not _sound(copy)


TRIGGER = {
    "sqlite": [
        (
            "CREATE TRIGGER evil AFTER INSERT ON payments BEGIN "
            "UPDATE deliveries SET paid_cents = 0; END"
        )
    ],
    "postgresql": [
        (
            "CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN UPDATE deliveries SET paid_cents = 0; RETURN NEW; END'"
        ),
        (
            "CREATE TRIGGER evil AFTER INSERT ON payments "
            "FOR EACH ROW EXECUTE FUNCTION evil()"
        ),
    ],
}


@pytest.mark.parametrize("what", ["trigger", "column"])
def test_verify_finds_a_foreign_trigger_or_column(desk, database, what):
    assert desk.reserve.verify().ok
    column = ["ALTER TABLE payments ADD COLUMN evil INTEGER"]
    with desk.reserve.engine.begin() as connection:
        for statement in TRIGGER[database] if what == "trigger" else column:
            connection.exec_driver_sql(statement)
    problem = desk.reserve.verify().problem
    assert problem is not None
    assert problem.check == "guards"
    assert "evil" in str(problem)


def test_verify_finds_a_check_that_was_taken_away(desk, database):
    with desk.reserve.engine.begin() as connection:
        if database == "postgresql":
            connection.exec_driver_sql(
                "ALTER TABLE lots DROP CONSTRAINT ck_lots_grams_sign"
            )
        else:
            connection.exec_driver_sql("PRAGMA writable_schema = ON")
            connection.exec_driver_sql(
                "UPDATE sqlite_master SET sql = replace(sql, "
                "'CONSTRAINT ck_lots_grams_sign CHECK (grams >= 0)', "
                "'CONSTRAINT ck_lots_grams_sigm CHECK (grams >= 0)') "
                "WHERE name = 'lots'"
            )
            connection.exec_driver_sql("PRAGMA writable_schema = RESET")
    problem = desk.reserve.verify().problem
    assert problem is not None
    assert "ck_lots_grams_sign" in problem.what
