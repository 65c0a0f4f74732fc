# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from oreserve import reserve as api
from oreserve.errors import OreserveError
from oreserve.reserve import (
    ROLES,
    CommandError,
    LedgerError,
    Mass,
    Money,
    Receipt,
    Refused,
    Request,
    StoreError,
    commands,
    cost_of,
    part_of,
    roles_for,
    spread,
)
from oreserve.reserve import _database as database_module
from oreserve.reserve import _reserve as reserve_module
from oreserve.reserve import _two_persons as two_persons_module
from oreserve.reserve import _unit as unit_module
from oreserve.reserve._commands import _COMMANDS, Command, load
from oreserve.reserve._ledger import check_balance
from oreserve.reserve._roles import actions
from oreserve.reserve._values import Arguments

# --- Balance and rounding -----------------------------------------------------------

SOUND = [Mass("opening", "a", None, -5), Mass("depot:D", "a", "L", 5)]


@pytest.mark.parametrize(
    "mass, money, told",
    [
        ([], [], "none"),
        ([Mass("opening", "a", None, -5), Mass("depot:D", "a", "L", 4)], [], "-1"),
        ([Mass("loss", "a", None, 5), Mass("loss", "b", None, -5)], [], "sum to 5"),
        ([*SOUND, Mass("loss", "a", None, 0)], [], "no mass"),
        ([*SOUND, Mass("loss", "a", None, 1.0)], [], "no mass"),
        ([Mass("depot:D", "a", None, 5), Mass("loss", "a", None, -5)], [], "no lot"),
        (
            [
                *(Mass("conversion", "a", None, 5), Mass("loss", "a", None, -5)),
                *(Mass("conversion", "b", None, -6), Mass("loss", "b", None, 6)),
            ],
            [],
            "gains 1 g",
        ),
        (SOUND, [Money("cash", 1), Money("treasury", -2)], "cents sum to -1"),
    ],
)
def test_what_does_not_balance_is_no_transaction(mass, money, told):
    with pytest.raises(LedgerError, match=told):
        check_balance(mass, money)
    check_balance(SOUND, [Money("cash", 1), Money("treasury", -1)])


@given(
    cents=st.integers(-(10**15), 10**15),
    weights=st.lists(st.integers(0, 10**12), min_size=1, max_size=9).filter(any),
)
def test_parts_of_an_amount_sum_to_it(cents, weights):
    parts = spread(cents, weights)
    assert sum(parts) == cents
    assert all(part * cents >= 0 for part in parts)
    exact = [cents * weight / sum(weights) for weight in weights[:-1]]
    for part, value in zip(parts, exact, strict=False):
        assert abs(part - value) <= 1 + abs(value) * 1e-12


def test_no_part_has_the_other_sign_or_weighs_nothing_and_costs():
    assert min(spread(6, [1] * 10)) == 0
    assert spread(1, [1, 1, 1, 0])[-1] == 0
    # By the first edition of the rules the last took whatever was left.
    assert spread(6, [1] * 10, rules=1) == [1] * 9 + [-3]


def test_money_is_rounded_half_even():
    assert [part_of(n, 1, 2) for n in (1, 3, 5, -1, -3)] == [0, 2, 2, 0, -2]
    assert cost_of(1, 500_000) == 0  # 0.5 cents
    assert cost_of(3, 500_000) == 2  # 1.5 cents
    assert part_of(10**17 + 1, 1, 1) == 10**17 + 1
    # More than 28 digits on the way: still the exact tie, to the even cent.
    large = (13053643639120623, 119148161212355, 238296322424710)
    assert part_of(*large) == 6526821819560312


# --- Keys, versions, groups ---------------------------------------------------------


def add_depot(desk, depot, key, *, name="Nine", actor="max"):
    arguments = {"depot": depot, "name": name, "country": "USA"}
    return desk.reserve.execute(
        "add_depot", arguments, actor=actor, reason="r", key=key
    )


def test_repeated_key_returns_the_first_result(desk):
    first = add_depot(desk, "D9", "same")
    again = add_depot(desk, "D9", "same")
    assert again.repeated
    assert not first.repeated
    assert (again.sequence, again.at, again.result, again.hash, again.subject) == (
        first.sequence,
        first.at,
        first.result,
        first.hash,
        "depot:D9",
    )
    assert len(desk.rows("depots", depot="D9")) == 1


def test_key_with_other_arguments_or_command_is_refused(desk):
    add_depot(desk, "D9", "same")
    with pytest.raises(Refused) as caught:
        add_depot(desk, "D9", "same", name="Other")
    assert (caught.value.rule, caught.value.status) == ("key_reused", 409)
    assert add_depot(desk, "D8", "same", actor="ada").result == {"depot": "D8"}


@pytest.mark.parametrize("field", ["reason", "key", "actor"])
@pytest.mark.parametrize("text", ["", "  ", "x\x00", "x" * 2001])
def test_command_without_a_reason_key_or_actor_is_refused(desk, field, text):
    labels = {"reason": "r", "key": "k", "actor": "max", field: text}
    with pytest.raises(Refused):
        desk.reserve.execute("close_reserve", {}, **labels)
    with pytest.raises(Refused) as caught:
        desk.reserve.execute("add_depot", {}, **labels)
    assert caught.value.rule == "arguments"


def test_unknown_command_is_told_with_the_nearest(desk):
    with pytest.raises(Refused, match="nearest: 'add_depot'"):
        desk.do("max", "ad_depot")


def test_stale_version_is_refused(desk):
    def change(name, version):
        return desk.reserve.execute(
            "change_depot",
            {"depot": "D1", "name": name},
            actor="max",
            reason="r",
            key=name,
            expected_version=version,
        )

    change("first", 1)
    with pytest.raises(Refused, match="version 2, not 1") as caught:
        change("second", 1)
    assert (caught.value.rule, caught.value.status) == ("stale", 409)
    assert caught.value.allowed == {"version": 2}
    assert change("second", 2).result == {"depot": "D1"}
    assert change("first", 1).repeated, "a repeat is answered whatever came since"


def test_refused_command_of_a_group_is_rolled_back_alone(desk):
    def add(depot, country):
        arguments = {"depot": depot, "name": depot, "country": country}
        return Request("add_depot", arguments, "max", "r", f"key {depot} {country}")

    one, two, three, four = desk.reserve.execute_many(
        [add("D7", "USA"), add("D7", "CAN"), add("D8", "USA"), add("D8", "USA")]
    )
    assert isinstance(two, Refused)
    assert two.rule == "exists"
    assert three.sequence == one.sequence + 1
    assert (four.repeated, four.sequence) == (True, three.sequence)
    assert [row["depot"] for row in desk.rows("depots")] == ["D1", "D2", "D7", "D8"]
    assert desk.reserve.verify().ok


def test_commands_of_a_group_see_what_those_before_them_changed(desk):
    stock = {
        "item": "cobalt",
        "depot": "D1",
        "owner": "strategic",
        "grams": 100,
        "received_on": "2026-01-02",
    }
    room = {"depot": "D1", "capacity_g": 150}
    outcomes = desk.reserve.execute_many(
        [
            Request("receive_lot", stock, "sue", "r", "see 1"),
            Request("change_depot", room, "max", "r", "see 2"),
            Request("receive_lot", stock, "sue", "r", "see 3"),
        ]
    )
    assert [isinstance(one, Receipt) for one in outcomes] == [True, True, False]
    assert (outcomes[2].rule, outcomes[2].allowed) == ("no_room", {"grams": 50})


def test_threads_that_share_a_reserve_follow_each_other(desk):
    lot = desk.do(
        "sue",
        "receive_lot",
        item="cobalt",
        depot="D1",
        owner="strategic",
        grams=100,
        received_on="2026-01-02",
    )["lot"]
    outcomes = []

    def take(number):
        request = Request(
            "split_lot", {"lot": lot, "grams": 30}, "sue", "r", f"t{number}"
        )
        outcomes.extend(desk.reserve.execute_many([request]))

    threads = [threading.Thread(target=take, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = [one for one in outcomes if isinstance(one, Receipt)]
    assert len(done) == 3
    assert {one.rule for one in outcomes if not isinstance(one, Receipt)} == {
        "not_enough"
    }
    assert sorted(row["grams"] for row in desk.rows("lots")) == [10, 30, 30, 30]
    assert desk.reserve.verify().ok


# --- Roles --------------------------------------------------------------------------


def test_every_command_has_its_row_in_the_table_of_roles():
    kinds = {name: action.kind for name, action in actions().items()}
    assert {name for name, kind in kinds.items() if kind == "command"} == set(
        commands()
    )


def test_auditor_and_analyst_write_nothing_but_their_own_sign_in():
    own = {"set_password", "issue_token", "revoke_token"}
    for role in ("auditor", "analyst"):
        allowed = {name for name in commands() if role in roles_for(name)}
        assert allowed == own


def test_each_role_may_what_the_table_says_and_nothing_else(desk):
    people = {}
    desk.do("max", "admit_member", member="M1", name="M1", entry_fee_cents=0)
    for role in ROLES:
        people[role] = f"only-{role}"
        user = {"user": people[role], "name": role, "roles": [role]}
        member = "M1" if role == "member" else None
        desk.do("ada", "add_user", **user, member=member)
    before = desk.reserve.head()
    requests = [
        (name, role, Request(name, {"?": 1}, people[role], "r", f"{name} {role}"))
        for name in commands()
        for role in ROLES
    ]
    outcomes = desk.reserve.execute_many([request for _, _, request in requests])
    for (name, role, _), outcome in zip(requests, outcomes, strict=True):
        expected = "arguments" if role in roles_for(name) else "role"
        assert isinstance(outcome, Refused), (name, role)
        assert outcome.rule == expected, (name, role, str(outcome))
        assert outcome.status == (403 if expected == "role" else 422)
    assert desk.reserve.head() == before


def test_stranger_and_retired_user_are_refused(desk):
    for user in ("nobody", "max"):
        if user == "max":
            desk.do("ada", "change_user", user="max", active=False)
        with pytest.raises(Refused) as caught:
            add_depot(desk, "D9", "k", actor=user)
        assert caught.value.rule == "role"


def test_last_administrator_stays(desk):
    for command, arguments in (
        ("revoke_role", {"user": "ada", "role": "administrator"}),
        ("change_user", {"user": "ada", "active": False}),
    ):
        with pytest.raises(Refused) as caught:
            desk.do("ada", command, **arguments)
        assert caught.value.rule == "last_administrator"
    desk.do("ada", "grant_role", user="max", role="administrator")
    desk.do("max", "revoke_role", user="ada", role="administrator")
    assert desk.reserve.verify().ok


def test_reserve_is_founded_once(desk):
    with pytest.raises(Refused, match="already"):
        desk.do("ada", "found_reserve", name="Second", administrator="ada")


# --- Two persons --------------------------------------------------------------------


class Decide(Arguments):
    drafter: str | None = None
    decision: str = "approve"


@pytest.fixture
def rehearse(desk, monkeypatch):
    """Let a test give a command of its own, allowed to everybody."""
    load()
    monkeypatch.setattr(unit_module, "allows", lambda *_: True)
    monkeypatch.setattr(two_persons_module, "allows", lambda *_: True)

    def register(run):
        made = Command("rehearse", run, Decide, "reserve", (), "Rehearse.")
        monkeypatch.setitem(_COMMANDS, "rehearse", made)
        return lambda actor, key, **more: desk.reserve.execute(
            "rehearse", more, actor=actor, reason="r", key=key
        )

    return register


def test_two_different_persons_decide_and_the_drafter_never(desk, rehearse):
    def decide(book, given):
        count = book.approve("thing:1", given.decision, drafter=given.drafter)
        return {"count": count}

    run = rehearse(decide)
    with pytest.raises(Refused, match="drafted") as caught:
        run("bea", "1", drafter="bea")
    assert (caught.value.rule, caught.value.status) == ("two_persons", 403)
    assert run("ann", "2", drafter="bea").result == {"count": 1}
    with pytest.raises(Refused, match="decided") as caught:
        run("ann", "3", drafter="bea")
    assert caught.value.rule == "two_persons"
    assert run("bob", "4", drafter="bea").result == {"count": 2}
    assert run("max", "5", decision="refuse").result == {"count": 2}


def test_a_member_is_not_told_the_names_of_others(desk, rehearse):
    for name in ("north", "south"):
        desk.do("max", "admit_member", member=name, name=name, entry_fee_cents=0)
    desk.do("ada", "add_user", user="nia", name="Nia", member="north", roles=["member"])
    run = rehearse(lambda book, _: book.need("members", member="sout"))
    with pytest.raises(Refused, match=r"no member 'sout'$"):
        run("nia", "1")
    with pytest.raises(Refused, match="nearest: 'south'"):
        run("max", "2")
    with pytest.raises(Refused, match=r"not for another member$"):
        desk.reserve.execute(
            "draw_entitlement",
            {"member": "sout", "item": "cobalt", "grams": 1},
            actor="nia",
            reason="r",
            key="3",
            expected_version=1,
        )


# --- When something fails -----------------------------------------------------------


def test_fault_of_a_command_leaves_nothing_and_stops_no_other(desk, rehearse):
    def fail(book, given):
        book.insert("meta", name="half", value="done")
        return {"x": 1 // 0}

    run = rehearse(fail)
    with pytest.raises(CommandError, match="division"):
        run("max", "f")
    arguments = {"depot": "D9", "name": "Nine", "country": "USA"}
    bad, good = desk.reserve.execute_many(
        [
            Request("rehearse", {}, "max", "r", "f1"),
            Request("add_depot", arguments, "max", "r", "f2"),
        ]
    )
    assert isinstance(bad, CommandError)
    assert isinstance(good, Receipt)
    assert desk.rows("meta", name="half") == []


def test_lot_whose_grams_were_not_posted_is_not_written(desk, rehearse):
    from oreserve.reserve._lots import add_lot

    def forget(book, given):
        lot = add_lot(
            book,
            item="cobalt",
            depot="D1",
            owner="strategic",
            grams=5,
            received_on="2026-01-02",
        )
        if given.decision == "half":
            mass = [
                Mass("opening", "cobalt", None, -4),
                Mass("depot:D1", "cobalt", lot, 4),
            ]
            book.post("opening", mass=mass)
        return {"lot": lot}

    run = rehearse(forget)
    with pytest.raises(CommandError, match="not posted"):
        run("max", "f")
    with pytest.raises(CommandError, match="with 5 g, but 4 g posted"):
        run("max", "g", decision="half")
    assert desk.rows("lots") == []


def test_rule_of_the_tables_refuses_even_a_command_that_forgot(desk, rehearse):
    def below_zero(book, given):
        book.change("depots", {"depot": "D1"}, capacity_g=-1)
        return {}

    with pytest.raises(Refused) as caught:
        rehearse(below_zero)("max", "f")
    assert caught.value.rule == "constraint"


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_connection_lost_in_a_command_leaves_nothing_half_done(desk, rehearse):
    def lose(book, given):
        book.insert("meta", name="half", value="done")
        book.connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        return {}

    with pytest.raises(StoreError, match="same key"):
        rehearse(lose)("max", "f")
    assert desk.rows("meta", name="half") == []
    assert add_depot(desk, "D9", "k").result == {"depot": "D9"}
    assert desk.reserve.verify().ok


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_connection_cut_by_the_server_between_statements_leaves_nothing(desk, rehearse):
    def cut(book, given):
        book.insert("meta", name="half", value="done")
        mine = book.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with api.open(desk.where) as store, store.engine.connect() as other:
            other.exec_driver_sql(f"SELECT pg_terminate_backend({mine}, 5000)")
        book.insert("meta", name="whole", value="done")
        return {}

    run = rehearse(cut)
    with pytest.raises(StoreError, match="same key"):
        run("max", "f")
    with pytest.raises(StoreError, match="same key"):
        desk.reserve.execute_many([Request("rehearse", {}, "max", "r", "g")])
    assert desk.rows("meta", name="half") == []
    assert add_depot(desk, "D9", "cut 9").result == {"depot": "D9"}


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_old_server_is_refused(desk, monkeypatch):
    monkeypatch.setattr(database_module, "OLDEST_POSTGRESQL", (99,))
    with pytest.raises(StoreError, match="too old"):
        api.open(desk.where)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_server_that_dropped_idle_connections_is_met_anew(desk):
    add_depot(desk, "D8", "idle 8")
    with api.open(desk.where) as store, store.engine.connect() as other:
        other.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert add_depot(desk, "D9", "idle 9").result == {"depot": "D9"}


def test_unknown_outcome_is_solved_by_repeating_the_key(desk, monkeypatch):
    real = reserve_module.writing

    class LostError(Exception):
        pass

    class Breaking:
        def __init__(self, engine):
            self._real = real(engine)

        def __enter__(self):
            return self._real.__enter__()

        def __exit__(self, *error):
            self._real.__exit__(*error)
            raise LostError  # committed, but the answer never came

    monkeypatch.setattr(reserve_module, "writing", Breaking)
    with pytest.raises(LostError):
        add_depot(desk, "D9", "k")
    monkeypatch.setattr(reserve_module, "writing", real)
    assert add_depot(desk, "D9", "k").repeated
    assert len(desk.rows("depots", depot="D9")) == 1


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_full_disk_is_told_and_loses_nothing(desk):
    engine = desk.reserve.engine
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    limit = {"pages": pages + 4}

    @event.listens_for(engine, "checkout")
    def small(connection, record, proxy):
        connection.execute(f"PRAGMA max_page_count = {limit['pages']}")

    def fill():
        for number in range(200):
            add_depot(desk, f"N{number}", f"n{number}", name="x" * 290)

    with pytest.raises(StoreError, match="disk is full"):
        fill()
    done = len(desk.rows("depots")) - 2
    assert 0 < done < 200
    limit["pages"] = pages + 1000
    assert not add_depot(desk, f"N{done}", f"n{done}", name="x" * 290).repeated
    assert desk.reserve.verify().ok


def test_locked_database_is_told_after_a_while(desk, database, monkeypatch):
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 1)
    with (
        api.open(desk.where) as impatient,
        database_module.writing(desk.reserve.engine),
        pytest.raises(StoreError, match="another writer held the lock"),
    ):
        impatient.execute(
            "change_depot", {"depot": "D1"}, actor="max", reason="r", key="k"
        )


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_file_that_is_no_reserve_is_not_opened(desk, tmp_path):
    other = tmp_path / "other.db"
    other.write_bytes(b"no database at all" * 400)
    with pytest.raises(StoreError, match="damaged"):
        api.open(other)
    with pytest.raises(ValueError, match="no such file"):
        api.open(tmp_path / "missing.db")
    empty = tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    with pytest.raises(StoreError, match="holds no reserve"):
        api.open(empty)


@pytest.mark.parametrize(
    "where", ["mysql://root@localhost/x", "http://example.org", "sqlite://", "a://"]
)
def test_address_of_another_kind_is_refused(where):
    with pytest.raises(ValueError, match="database"):
        api.open(where)


def test_password_of_an_address_is_not_told():
    where = "postgresql://me:hunter2@127.0.0.1:1/none"
    with pytest.raises(StoreError) as caught:
        api.open(where)
    assert "hunter2" not in str(caught.value)


def test_balance_beyond_64_bits_is_refused_and_stays_whole(desk):
    def vote(number):
        desk.do("max", "appropriate", appropriation=str(number), title="x", cents=most)

    most = 10**17  # that one command takes
    for number in range(92):
        vote(number)
    with pytest.raises(OreserveError):
        vote(92)
    (cash,) = desk.rows("money_balances", account="cash")
    assert cash["cents"] == 92 * most
    assert desk.reserve.verify().ok
