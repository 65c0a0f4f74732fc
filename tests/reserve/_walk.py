# SPDX-License-Identifier: Apache-2.0
"""A reserve under random commands, with a second set of books kept beside it."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from oreserve.reserve import Receipt, Refused, Request, Reserve
from oreserve.reserve._rows import Rows
from oreserve.reserve._schema import metadata
from reserve._books import Books
from reserve._invariants import check_books, check_chain, check_state, fingerprint
from reserve._operations import Ask, Rule, Sight, choose, opening

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reserve.conftest import Clock


OTHERS = {
    "receive_lot": {"ian": "sue", "sue": "ian"},
    "recount_lot": {"ian": "sue", "sue": "ian"},
    "change_contract": {"max": "bea", "bea": "max"},
    "adjust_order_price": {"bea": "tom", "tom": "bea"},
    "set_market_limit": {"max": "tom", "tom": "max"},
}
"""Who may second what whom proposed."""


class Reader:
    """Reads tables of a reserve; knows the day."""

    def __init__(self, store: Reserve, connection: Connection) -> None:
        self._rows = Rows(connection.connection.cursor(), store.sql)
        self.today = ""

    def __call__(self, table: str, **where: Any) -> list[dict[str, Any]]:
        return self._rows.rows(table, **where)


@dataclass(frozen=True)
class Done:
    """An acknowledged command, to repeat it later."""

    request: Request
    receipt: Receipt


class Walk:
    """Random commands on one reserve, checked step by step.

    Parameters
    ----------
    store, clock
        A reserve with people, depots, owners and items, and the clock it reads.
    check_every
        Steps between checks of balances and of the second books.
    thorough_every
        Steps between checks of whole tables.
    verify_every
        Steps between replays of the whole audit trail; 0: only when asked.
    """

    def __init__(
        self,
        store: Reserve,
        clock: Clock,
        *,
        check_every: int = 1,
        thorough_every: int = 25,
        verify_every: int = 0,
    ) -> None:
        self.store, self.clock = store, clock
        self.check_every = check_every
        self.thorough_every, self.verify_every = thorough_every, verify_every
        self.books = Books()
        self.done: list[Done] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.steps = 0
        self.last: Ask | None = None
        self._keys = (f"walk {number}" for number in itertools.count())
        for ask in opening():
            outcome = self._execute(ask)
            assert isinstance(outcome, Receipt), f"{ask}: {outcome}"

    @property
    def today(self) -> date:
        return self.clock.now.date()

    def step(self, rng: Random, rule: Rule | None = None) -> None:
        """Let time pass, try one command (or some together), and check."""
        if rng.random() < 0.08:
            self.clock.now += timedelta(days=rng.randint(1, 12))
        kind = rng.random()
        if rule is None and kind < 0.04 and self.done:
            self._repeat(rng)
        elif rule is None and kind < 0.08:
            self._together(rng)
        else:
            self._one(rng, rule or choose(rng))
        self.steps += 1
        if self.steps % self.check_every == 0:
            self.check(
                thorough=self.steps % self.thorough_every == 0,
                replay=bool(self.verify_every) and self.steps % self.verify_every == 0,
            )

    def check(self, *, thorough: bool, replay: bool = False) -> None:
        """Fail if an invariant or the second set of books does not hold."""
        with self.store.engine.connect() as connection:
            check_state(connection, thorough=thorough)
            check_books(connection, self.books, thorough=thorough)
        if replay:
            verification = self.store.verify()
            assert verification.ok, verification.problem
            with self.store.engine.connect() as connection:
                assert check_chain(connection) == verification.entries

    def _one(self, rng: Random, rule: Rule) -> None:
        ask = self._ask(rng, rule)
        if ask is None:
            return
        # A digest of every row costs much: taken of a tenth of what must be refused.
        whole = ask.refused is not None and (self.steps < 30 or rng.random() < 0.1)
        before = self._digest() if whole else self._glance()
        outcome = self._execute(ask)
        if not isinstance(outcome, Receipt):
            after = self._digest() if whole else self._glance()
            assert before == after, f"{ask} was refused and changed something"
        elif outcome.result.get("status") == "proposed" and rng.random() < 0.8:
            self._second(ask)

    def _second(self, ask: Ask) -> None:
        """Let the proposer fail alone, and another person do it."""
        alone = replace(ask, refused=frozenset({"two_persons"}), expected_version=None)
        assert not isinstance(self._execute(alone), Receipt)
        other = OTHERS.get(ask.command, {}).get(ask.actor)
        if other is not None:
            self._execute(replace(ask, actor=other, expected_version=None))

    def _ask(self, rng: Random, rule: Rule) -> Ask | None:
        with self.store.engine.connect() as connection:
            return rule(self._sight(connection), rng)

    def _sight(self, connection: Connection) -> Sight:
        reader = Reader(self.store, connection)
        reader.today = self.today.isoformat()
        return Sight(reader, self.books, self.today)

    def _request(self, ask: Ask) -> Request:
        return Request(
            ask.command,
            ask.arguments,
            ask.actor,
            "a test",
            next(self._keys),
            ask.expected_version,
        )

    def _execute(self, ask: Ask) -> Receipt | Refused:
        request = self._request(ask)
        try:
            outcome: Receipt | Refused = self.store.execute(
                request.command,
                request.arguments,
                actor=request.actor,
                reason=request.reason,
                key=request.key,
                expected_version=request.expected_version,
            )
        except Refused as refused:
            outcome = refused
        self._note(ask, request, outcome)
        return outcome

    def _note(self, ask: Ask, request: Request, outcome: object) -> None:
        if isinstance(outcome, Receipt):
            self.last = ask
            told = f"{ask} passed and should be refused by {ask.refused}"
            assert ask.refused is None, told
            self.outcomes[ask.command, "done"] += 1
            self.done.append(Done(request, outcome))
            with self.store.engine.connect() as connection:
                self.books.enter(
                    ask.command,
                    ask.arguments,
                    outcome.result,
                    sequence=outcome.sequence,
                    rows=self._sight(connection).rows,
                )
            return
        assert isinstance(outcome, Refused), f"{ask}: {outcome!r}"
        assert outcome.message, "a refusal says why"
        if ask.refused is not None:
            told = f"{ask} refused by {outcome.rule}: {outcome}"
            assert outcome.rule in ask.refused, told
        self.outcomes[ask.command, outcome.rule] += 1

    def _together(self, rng: Random) -> None:
        """Several commands in one transaction: each stands or falls alone."""
        asks = [self._ask(rng, choose(rng)) for _ in range(rng.randint(2, 6))]
        # Reasons for which a command must be refused may go with those before it.
        chosen = [ask for ask in asks if ask is not None and ask.refused is None]
        # The books read a lot's dates after the group: none of it may alter them.
        chosen = [ask for ask in chosen if ask.command != "renew_certificate"]
        requests = [self._request(ask) for ask in chosen]
        outcomes = self.store.execute_many(requests)
        assert len(outcomes) == len(chosen)
        for ask, request, outcome in zip(chosen, requests, outcomes, strict=True):
            self._note(ask, request, outcome)

    def _repeat(self, rng: Random) -> None:
        """Send an acknowledged command again: the first receipt comes, no change."""
        done = rng.choice(self.done)
        request, first = done.request, done.receipt
        whole = self.steps < 30 or rng.random() < 0.1
        before = self._digest() if whole else self._glance()
        again = self.store.execute(
            request.command,
            request.arguments,
            actor=request.actor,
            reason=request.reason,
            key=request.key,
        )
        assert again.repeated
        assert (again.sequence, again.at, again.result, again.hash, again.subject) == (
            first.sequence, first.at, first.result, first.hash, first.subject,
        )  # fmt: skip
        try:
            self.store.execute(
                "split_lot",
                {"lot": "LOT-000001", "grams": 1},
                actor=request.actor,
                reason=request.reason,
                key=request.key,
            )
        except Refused as refused:
            told = refused.rule  # the other command may need another role
            assert told in {"key_reused", "role"}, refused  # noqa: PT017
        else:
            message = "a used key served for another command"
            raise AssertionError(message)
        assert before == (self._digest() if whole else self._glance())
        self.outcomes["repeated", "done"] += 1

    def _digest(self) -> str:
        """Return a digest of every row of every table."""
        with self.store.engine.connect() as connection:
            return fingerprint(connection, metadata.tables)

    def _glance(self) -> tuple[Any, ...]:
        """Return what changes with almost every write, cheaply."""
        with self.store.engine.connect() as connection:
            row = connection.exec_driver_sql(
                "SELECT (SELECT MAX(sequence) FROM audit), (SELECT COUNT(*) FROM "
                "transactions), (SELECT SUM(grams * 3 + cost_cents * 5 + version * 7) "
                "FROM lots), (SELECT SUM(grams * grams) FROM mass_balances), "
                "(SELECT SUM(version) FROM orders), (SELECT SUM(version) FROM releases)"
            ).one()
        return tuple(row)


def walk(store: Reserve, clock: Clock, *, steps: int, seed: int, **more: int) -> Walk:
    """Take some random steps on a reserve, then check all of it."""
    rng = Random(seed)  # noqa: S311 - a test's sequence, no secret
    going = Walk(store, clock, **more)
    for _ in range(steps):
        going.step(rng)
    going.check(thorough=True, replay=True)
    return going
