# SPDX-License-Identifier: Apache-2.0
"""Random commands on a reserve, with a second set of books kept beside it.

`python -m benchmarks.reserve_trial machine` walks far longer with the same rules.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from oreserve import reserve as api
from oreserve.reserve import Refused
from reserve._operations import RULES
from reserve._trade import by_two
from reserve._walk import Walk, walk
from reserve.conftest import Clock

STEPS = 150


@pytest.mark.parametrize("seed", [1, 2])
def test_random_commands_keep_every_invariant(desk, seed):
    going = walk(desk.reserve, desk.clock, steps=STEPS, seed=seed)
    done = sum(n for (_, outcome), n in going.outcomes.items() if outcome == "done")
    assert done > STEPS // 2


@pytest.fixture
def machine(sqlite_template):
    """Make machines that each work on a reserve of their own."""
    template, now = sqlite_template
    return lambda: Machine(template, now)


class Machine(RuleBasedStateMachine):
    """Any rule at any time, on SQLite; hypothesis drops what a failure needs not."""

    def __init__(self, template: Path, now: datetime) -> None:
        super().__init__()
        self._folder = TemporaryDirectory()
        file = Path(self._folder.name) / "reserve.db"
        shutil.copyfile(template, file)
        clock = Clock(now)
        self.store = api.open(file, clock=clock)
        self.walk = Walk(self.store, clock, thorough_every=10)

    @rule(name=st.sampled_from(sorted(RULES)), rng=st.randoms(use_true_random=False))
    def try_one(self, name, rng):
        self.walk.step(rng, RULES[name][1])

    @rule(rng=st.randoms(use_true_random=False))
    def try_any(self, rng):
        self.walk.step(rng)

    @invariant()
    def all_holds(self):
        self.walk.check(thorough=False)

    def teardown(self):
        try:
            self.walk.check(thorough=True, replay=True)
        finally:
            self.store.close()
            self._folder.cleanup()


def test_any_sequence_of_rules_keeps_every_invariant(machine):
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


# --- What random commands have found ---------------------------------------------


def entitled(desk, grams=1_000):
    """Entitle a member to all cobalt of the industrial reserve; return its lot."""
    lot = desk.do(
        "ian",
        "receive_lot",
        item="cobalt",
        depot="D1",
        owner="industrial",
        grams=grams,
        received_on="2026-01-01",
        cost_cents=999,
    )
    desk.do(
        "max",
        "set_industrial_terms",
        item="cobalt",
        from_quarter="2026-Q1",
        entry_fee_share=0.0,
        interest_rate=0.05,
        normal_draw_share=1.0,
        replenish_days=30,
        storage_cents_per_t_year=0,
    )
    desk.do("max", "admit_member", member="M1", name="One", entry_fee_cents=0)
    desk.do(
        "tom",
        "grant_entitlement",
        member="M1",
        item="cobalt",
        grams=grams,
        inventory_price_cents_per_t=5,
    )
    return lot


def test_lost_grams_of_members_become_a_duty_and_come_back_with_the_recount(desk):
    lot = entitled(desk)["lot"]
    lost = by_two(desk, "ian", "sue", "recount_lot", lot=lot, counted_grams=400)
    duty = desk.row("duties", duty=lost["duty"])
    assert (duty["why"], duty["member"], duty["open_grams"]) == ("loss", None, 600)
    desk.do("max", "reverse", txn=lost["txn"])
    assert desk.row("duties", duty=lost["duty"])["open_grams"] == 0
    assert desk.row("lots", lot=lot)["cost_cents"] == 999


def test_entitled_lots_are_not_upgraded_or_taken_back(desk):
    lot = entitled(desk)
    part = {"lot": lot["lot"], "grams": 1}
    with pytest.raises(Refused, match="short of it") as caught:
        desk.do("ian", "upgrade_lots", parts=[part], item="ndpr_metal", grams=1)
    assert caught.value.rule == "entitlements"
    with pytest.raises(Refused, match="short of it"):
        desk.do("max", "reverse", txn=lot["txn"])


def received(desk):
    return desk.do(
        "ian",
        "receive_lot",
        item="cobalt",
        depot="D1",
        owner="custody",
        grams=1_000,
        received_on="2026-01-01",
        cost_cents=500,
    )["lot"]


def test_split_is_not_taken_back_to_a_depot_that_the_parent_has_left(desk):
    lot = received(desk)
    split = desk.do("sue", "split_lot", lot=lot, grams=400)
    desk.do("sue", "relocate_lot", lot=lot, depot="D2")
    with pytest.raises(Refused, match="was relocated since"):
        desk.do("max", "reverse", txn=split["txn"])
    desk.do("sue", "relocate_lot", lot=lot, depot="D1")
    desk.do("max", "reverse", txn=split["txn"])
    assert desk.row("lots", lot=lot)["grams"] == 1_000


def test_cost_that_was_written_off_does_not_come_back_with_a_reversal(desk):
    lot = received(desk)
    split = desk.do("sue", "split_lot", lot=lot, grams=400)
    # 400 g at 200 cents: half written off, then found again without its cost.
    for counted in (200, 400):
        found = {"lot": split["lot"], "counted_grams": counted}
        by_two(desk, "ian", "sue", "recount_lot", **found)
    with pytest.raises(Refused, match="has changed since"):
        desk.do("max", "reverse", txn=split["txn"])
