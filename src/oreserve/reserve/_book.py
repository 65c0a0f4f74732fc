# SPDX-License-Identifier: Apache-2.0
"""The unit of work that a command writes into.

A command sees the time, its actor and the tables through its book and nothing else:
no clock, no chance, no environment. So the same commands at the same recorded times
write the same rows again, which is what verify checks.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from oreserve.reserve._audit import canonical, time_text
from oreserve.reserve._errors import LedgerError
from oreserve.reserve._ledger import Mass, Money, check_balance, lot_moves
from oreserve.reserve._rows import Known, Rows
from oreserve.reserve._two_persons import check_sign_ins, still_may

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection

    from oreserve.reserve._statements import Statements

__all__ = ["RULES", "Actor", "Book"]

RULES = 2
"""Edition of the rules by which commands run.

An entry says in its effects by which edition it ran (none: the first), and replay runs
it by that one again. A rule that is new, or that now gives another result, asks for
the edition that brought it: `Book.rules`.
"""


_ROWS_AT_ONCE = 500  # rows of one statement: well below what any database takes

Decision = Literal["approve", "refuse"]


@dataclass(frozen=True)
class Actor:
    """Who commands.

    Parameters
    ----------
    user
        Name of the user.
    roles
        The user's roles at the time of the command.
    member
        The member for whom the user acts; None for the reserve's own people.
    """

    user: str
    roles: frozenset[str]
    member: str | None = None


class Book(Rows):
    """Tables, ledger and approvals of one command in one transaction.

    Parameters
    ----------
    connection
        The open transaction; for reads that need a join.
    cursor
        A cursor of its driver.
    sql
        Statement texts of the database.
    sequence
        Number of the audit entry that this command will write.
    now
        Time of the command, UTC.
    actor
        Who commands.
    known
        Rows that commands before it in this transaction have read.
    command
        Name of the command.
    bound
        Whether the actor may do this only for their own member.
    rules
        Edition of the rules by which the command runs, see `RULES`.
    again
        Whether this is a replay: then there is no audit trail to ask.
    """

    def __init__(
        self,
        connection: Connection,
        cursor: Any,
        sql: Statements,
        *,
        sequence: int,
        now: datetime,
        actor: Actor,
        known: Known | None = None,
        command: str = "",
        bound: bool = False,
        rules: int = RULES,
        again: bool = False,
    ) -> None:
        super().__init__(cursor, sql, known)
        self.connection = connection
        self.sequence = sequence
        self.now = now
        self.at = time_text(now)
        self.today: date = now.date()
        self.actor = actor
        self.command = command
        self.is_bound = bound
        self.is_again = again
        self.rules = rules
        self.names_told = not bound
        self._ids: dict[str, int] = defaultdict(int)
        self._fresh_lots: dict[str, int] = {}

    def new_id(self, prefix: str) -> str:
        """Return a name made of the command's number: the same at replay.

        The first of a prefix is ``LOT-000012``, the second ``LOT-000012-2``.
        """
        self._ids[prefix] += 1
        count = self._ids[prefix]
        tail = f"-{count}" if count > 1 else ""
        return f"{prefix}-{self.sequence:06d}{tail}"

    def insert(self, table: str, **values: Any) -> None:
        """Write a new row; a lot comes with its grams and is posted right after."""
        super().insert(table, **values)
        if table == "lots":
            self._fresh_lots[values["lot"]] = values["grams"]

    def post(
        self,
        kind: str,
        *,
        mass: Sequence[Mass] = (),
        money: Sequence[Money] = (),
        reverses: str | None = None,
    ) -> str:
        """Post one balanced transaction and move the grams of its lots.

        A lot inserted by this command already carries its grams: its first posting
        must equal them. Every other lot's grams follow the posting.

        Parameters
        ----------
        kind
            What happened, such as ``receipt``.
        mass, money
            Postings; each measure sums to zero. Zero postings are left out before.
        reverses
            The transaction that this one takes back.

        Returns
        -------
        str
            Name of the transaction.

        Raises
        ------
        LedgerError
            If it does not balance.
        Refused
            Rule ``not_enough`` if a lot has fewer grams than are taken.
        """
        mass = [entry for entry in mass if entry.grams != 0]
        money = [entry for entry in money if entry.cents != 0]
        check_balance(mass, money)
        txn = self.new_id("TXN")
        # Postings first, their transaction last: it seals them (see migrations).
        with self._sql.together(self.connection):
            if mass:
                self._post_mass(txn, mass)
            if money:
                self._post_money(txn, money)
            self.insert(
                "transactions",
                txn=txn,
                sequence=self.sequence,
                at=self.at,
                kind=kind,
                reverses=reverses,
            )
        for lot, grams in lot_moves(mass).items():
            self._move_lot(lot, grams)
        return txn

    def balance_g(self, account: str, item: str) -> int:
        """Return the grams of an item on an account, g."""
        row = self.find("mass_balances", account=account, item=item)
        return int(row["grams"]) if row else 0

    def balance_cents(self, account: str) -> int:
        """Return the balance of a money account, cents."""
        row = self.find("money_balances", account=account)
        return int(row["cents"]) if row else 0

    def approve(
        self,
        subject: str,
        decision: Decision = "approve",
        *,
        drafter: str | None = None,
    ) -> int:
        """Record the actor's decision and return how many approve by now.

        Parameters
        ----------
        subject
            What is decided, such as ``order:ORD-000012``.
        decision
            ``approve`` or ``refuse``.
        drafter
            Who drafted it and therefore may not decide.

        Returns
        -------
        int
            Number of different persons who approve, with this one. Who is no longer
            active, or has no role for it any more, does not count.

        Raises
        ------
        Refused
            Rule ``two_persons`` if the actor drafted it or has decided already, or
            if one of them let another in within the last day.
        """
        person, taken = self.actor.user, self.approvals(subject)
        if person == drafter:
            self.refuse(
                "two_persons",
                f"{person} drafted {subject}: another person must decide on it",
            )
        if any(row["person"] == person for row in taken):
            self.refuse(
                "two_persons",
                f"{person} has decided on {subject} already: "
                "the next decision must be another person's",
            )
        if not self.is_again:
            parties = [row["person"] for row in taken]
            check_sign_ins(self, subject, [*parties, *([drafter] if drafter else [])])
        self.insert(
            "approvals", subject=subject, person=person, decision=decision, at=self.at
        )
        approving = sum(
            row["decision"] == "approve"
            and (self.rules == 1 or still_may(self, row["person"]))
            for row in taken
        )
        return int(approving + (decision == "approve"))

    def entries_about(self, subject: str, since: str) -> list[tuple[str, str]]:
        """Return command and actor of the entries about a thing since a time.

        Only for what refuses: at replay there are none to read.
        """
        text = self._sql.text(
            "entries about",
            "SELECT command, actor FROM audit WHERE subject = ? AND at >= ?",
        )
        self._cursor.execute(text, (subject, since))
        return [(str(row[0]), str(row[1])) for row in self._cursor.fetchall()]

    def approvals(self, subject: str) -> list[dict[str, Any]]:
        """Return the decisions on a subject: person, decision, at."""
        return self.rows("approvals", subject=subject)

    def forget_approvals(self, subject: str) -> None:
        """Drop decisions on something that was changed since and needs new ones."""
        for row in self.approvals(subject):
            self.remove("approvals", subject=subject, person=row["person"])

    def effects(self) -> str:
        """Return what was written, with the edition of the rules after the first."""
        text = super().effects()
        if self.rules == 1:
            return text
        return canonical({**json.loads(text), "rules": self.rules})

    def close(self) -> None:
        """Check what can only be checked at the end of a command.

        Raises
        ------
        LedgerError
            If a new lot was never posted: its grams would come from nowhere.
        """
        for lot in sorted(self._fresh_lots):
            message = f"lot {lot} was written, but its grams were not posted"
            raise LedgerError(message)

    def _post_mass(self, txn: str, mass: list[Mass]) -> None:
        """Write postings of mass and the balances of their accounts."""
        rows = [
            (txn, line, entry.account, entry.item, entry.lot, entry.grams)
            for line, entry in enumerate(mass, start=1)
        ]
        columns = ("txn", "line", "account", "item", "lot", "grams")
        self._write_rows("mass_postings", columns, rows)
        self._note("post", "mass_postings", [txn], {"rows": rows})
        sums: dict[tuple[str, str], int] = defaultdict(int)
        for entry in mass:
            sums[entry.account, entry.item] += entry.grams
        moved = [(*key, sums[key]) for key in sorted(sums) if sums[key]]
        self._write_rows(
            "mass_balances", ("account", "item", "grams"), moved, adding="grams"
        )

    def _post_money(self, txn: str, money: list[Money]) -> None:
        """Write postings of money and the balances of their accounts."""
        rows = [
            (txn, line, entry.account, entry.cents)
            for line, entry in enumerate(money, start=1)
        ]
        columns = ("txn", "line", "account", "cents")
        self._write_rows("money_postings", columns, rows)
        self._note("post", "money_postings", [txn], {"rows": rows})
        sums: dict[str, int] = defaultdict(int)
        for entry in money:
            sums[entry.account] += entry.cents
        moved = [(account, sums[account]) for account in sorted(sums) if sums[account]]
        self._write_rows("money_balances", ("account", "cents"), moved, adding="cents")

    def _write_rows(
        self,
        table: str,
        columns: tuple[str, ...],
        rows: Sequence[tuple[Any, ...]],
        *,
        adding: str | None = None,
    ) -> None:
        """Write rows in as few statements as a database takes; add to what is there."""
        self._touch(table)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            some = rows[start : start + _ROWS_AT_ONCE]
            text = self._sql.insert(table, columns, len(some))
            if adding is not None:
                key = ", ".join(name for name in columns if name != adding)
                text += (
                    f" ON CONFLICT ({key}) DO UPDATE SET "
                    f"{adding} = {table}.{adding} + excluded.{adding}"
                )
            is_watched = adding is not None and self._sql.is_sqlite
            if is_watched:
                text += f" RETURNING {adding}"
            self._cursor.execute(text, [value for row in some for value in row])
            # PostgreSQL refuses what does not fit; SQLite would go on with a float.
            if is_watched and any(type(one) is not int for (one,) in self._cursor):
                message = "a balance would not fit into 64 bits"
                self.refuse("too_large", message, {"most": 2**63 - 1})

    def _move_lot(self, lot: str, grams: int) -> None:
        """Let a lot's grams follow what was posted on its depot's account."""
        fresh = self._fresh_lots.pop(lot, None)
        if fresh is not None:
            if fresh != grams:
                message = f"lot {lot} is written with {fresh} g, but {grams} g posted"
                raise LedgerError(message)
            return
        if grams == 0:
            return
        self._touch("lots")
        text = self._sql.text(
            "move lot",
            "UPDATE lots SET grams = grams + ?, version = version + 1, "
            "status = CASE WHEN grams + ? = 0 THEN 'spent' ELSE 'held' END "
            "WHERE lot = ? AND grams + ? >= 0",
        )
        self._cursor.execute(text, (grams, grams, lot, grams))
        if self._cursor.rowcount != 1:
            held = self.need("lots", lot=lot)["grams"]
            self.refuse(
                "not_enough",
                f"lot {lot} holds {held} g: {-grams} g cannot be taken from it",
                {"grams": held},
            )
        self._note("move", "lots", [lot], {"grams": grams})
