# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import re
from importlib import resources

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from oreserve import reserve as api
from oreserve.errors import InputError
from oreserve.reserve import StoreError
from oreserve.reserve._backup import restore
from oreserve.reserve._database import engine_of, writing
from oreserve.reserve._guards import missing_guards, set_guards
from oreserve.reserve._migrate import NEWEST, REVISIONS, migrate, revision_of
from oreserve.reserve._schema import metadata
from oreserve.reserve._statements import Statements

ADDED = {"0002": ["mass_balances", "money_balances"]}
"""Tables that a revision added and filled from what was there."""


@pytest.fixture
def bare(empty):
    engine = engine_of(empty, create=True)
    yield engine
    engine.dispose()


def definitions(connection):
    """Return every table, index, check and reference as the database holds them."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(
            "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL "
            "AND name NOT LIKE 'alembic%'"
        )
        return {name: _parts(sql) for name, sql in rows}
    found = {}
    for text in (
        (
            "SELECT c.conrelid::regclass || '.' || c.conname, "
            "pg_get_constraintdef(c.oid) FROM pg_constraint c "
            "JOIN pg_class r ON r.oid = c.conrelid "
            "WHERE r.relnamespace = 'public'::regnamespace"
        ),
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        (
            "SELECT table_name || '.' || column_name, "
            "concat_ws(' ', data_type, collation_name, is_nullable, column_default) "
            "FROM information_schema.columns WHERE table_schema = 'public'"
        ),
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    ):
        found.update(connection.exec_driver_sql(text).all())
    return {n: t for n, t in found.items() if not str(n).startswith("alembic")}


def _parts(sql):
    """Return the parts of a definition, whatever their order and spacing."""
    plain = re.sub(r"\s+", " ", sql)
    return sorted(part.strip(" ()") for part in plain.split(", "))


def test_migrated_tables_are_those_of_the_code(bare, tmp_path, database, request):
    with writing(bare) as connection:
        migrate(connection)
        assert revision_of(connection) == NEWEST
        assert missing_guards(connection) == []
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        migrated = definitions(connection)
    with writing(bare) as connection:
        _drop_all(connection)
        metadata.create_all(connection)
        set_guards(connection)
        assert definitions(connection) == migrated


def _drop_all(connection):
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP SCHEMA public CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA public")
        return
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    rows = connection.exec_driver_sql(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ).all()
    for (name,) in rows:
        connection.exec_driver_sql(f'DROP TABLE "{name}"')


def test_each_revision_has_its_module_in_order():
    folder = resources.files("oreserve.reserve.migrations.versions")
    found = sorted(f.name[1:5] for f in folder.iterdir() if f.name.startswith("r"))
    assert tuple(found) == REVISIONS


def fill(desk):
    common = {"depot": "D1", "owner": "strategic", "received_on": "2026-01-02"}
    for item, grams in itertools.product(("cobalt", "ndpr_oxide"), (10, 2_000)):
        desk.do(
            "sue", "receive_lot", item=item, grams=grams, cost_cents=grams * 3, **common
        )
    lots = desk.rows("lots")
    txn = desk.do("sue", "split_lot", lot=lots[1]["lot"], grams=7)["txn"]
    desk.do("max", "reverse", txn=txn)
    desk.do("sue", "relocate_lot", lot=lots[0]["lot"], depot="D2")


def rows_of(connection):
    sql = Statements(connection.dialect)
    cursor = connection.connection.cursor()
    return {
        table.name: [
            tuple(row) for row in cursor.execute(sql.select(table.name, ())).fetchall()
        ]
        for table in metadata.sorted_tables
    }


@pytest.mark.parametrize("revision", REVISIONS[:-1])
def test_filled_database_of_an_older_revision_migrates(desk, bare, revision):
    """Rows of today, less what later revisions add, must come out as they are today."""
    fill(desk)
    later = REVISIONS[REVISIONS.index(revision) + 1 :]
    added = {table for number in later for table in ADDED[number]}
    with desk.reserve.engine.connect() as source, writing(bare) as old:
        migrate(old, to=revision)
        today = rows_of(source)
        into = old.connection.cursor()
        # As commands write: postings first, then the transactions that seal them.
        order = sorted(metadata.sorted_tables, key=lambda t: t.name == "transactions")
        for table in order:
            if table.name not in added and today[table.name]:
                text = Statements(old.dialect).insert(
                    table.name, tuple(c.name for c in table.columns)
                )
                into.executemany(text, today[table.name])
    where = bare.url.render_as_string(hide_password=False)
    for create in (False, True):
        with pytest.raises(StoreError, match=f"revision {revision}.*migrate"):
            api.open(where, create=create)
    assert api.migrate(where) == (revision, NEWEST)
    with api.open(where) as store:
        with store.engine.connect() as connection:
            assert rows_of(connection) == today
        assert store.verify().ok, store.verify().summary()


def test_migration_that_fails_leaves_the_database_as_it_was(bare, monkeypatch):
    with writing(bare) as connection:
        migrate(connection, to=REVISIONS[0])
    with pytest.raises(StoreError):
        _migrate_over_a_table_in_the_way(bare)
    with writing(bare) as connection:
        assert revision_of(connection) == REVISIONS[0]
        migrate(connection)
        assert revision_of(connection) == NEWEST


def _migrate_over_a_table_in_the_way(engine):
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE money_balances (x INTEGER)")
        migrate(connection)


def test_database_without_a_reserve_or_of_a_newer_program_is_not_opened(bare):
    where = bare.url.render_as_string(hide_password=False)
    with bare.connect() as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE other (x INTEGER)")
    with pytest.raises(StoreError, match="holds no reserve"):
        api.open(where)
    with writing(bare) as connection:
        migrate(connection)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="newer Oreserve"):
        api.open(where)


def test_backup_opens_verifies_and_holds_the_same_rows(desk, tmp_path):
    fill(desk)
    copy = tmp_path / "copy.db"
    desk.reserve.backup(copy)
    assert sorted(p.name for p in tmp_path.iterdir() if "copy" in p.name) == ["copy.db"]
    with api.open(copy) as store:
        assert store.verify(expected_head=desk.reserve.head()).ok
        with (
            store.engine.connect() as one,
            desk.reserve.engine.connect() as other,
        ):
            assert rows_of(one) == rows_of(other)
    with pytest.raises(InputError, match="there already"):
        desk.reserve.backup(copy)


def test_backup_is_restored_into_either_database(desk, bare, tmp_path):
    fill(desk)
    copy = tmp_path / "copy.db"
    desk.reserve.backup(copy)
    restore(copy, bare)
    with api.open(bare.url.render_as_string(hide_password=False)) as store:
        assert store.verify(expected_head=desk.reserve.head()).ok
        store.execute(
            "change_depot",
            {"depot": "D1", "name": "Later"},
            actor="max",
            reason="it goes on",
            key="later",
        )
    with pytest.raises(InputError, match="already"):
        restore(copy, bare)
