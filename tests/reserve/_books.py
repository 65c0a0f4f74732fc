# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: ARG002 - every entry takes the same arguments
"""A second set of books in plain Python, kept beside a reserve to compare with it.

It follows what was asked and acknowledged, with arithmetic of its own (fractions,
no code of the reserve), and must come to the same grams and cents. The accounts of
promised money are no part of it: `_invariants` recomputes those from the orders.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

PROMISED = ("unobligated", "obligated:", "budget")
"""Accounts of promised money, which these books leave out."""

MEMBERS = "member:"
"""Accounts whose cents are carry that is billed and not paid."""

TAKEN_BACK = {
    "receive_lot",
    "split_lot",
    "blend_lots",
    "upgrade_lots",
    "rotate_lot",
    "relocate_lot",
    "recount_lot",
    "appropriate",
    "record_delivery",
    "accept_delivery",
    "pay_delivery",
    "pay_settlement",
    "grant_entitlement",
    "pay_carry",
}
"""Commands whose transaction can be reversed."""


@dataclass
class Lot:
    item: str
    owner: str
    depot: str
    grams: int = 0
    cost: int = 0


@dataclass
class Change:
    """What one command did, so that its reversal can be taken off exactly."""

    command: str
    mass: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    cents: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lots: dict[str, tuple[int, int]] = field(default_factory=dict)
    moved: tuple[str, str, str] | None = None
    duty: str | None = None
    entitled: tuple[dict[str, Any], int] | None = None
    taken_back: bool = False


class UnknownCommandError(LookupError):
    """These books have no entry for a command that moves something."""


def part(cents: int, grams: int, of: int) -> int:
    """Return the part of an amount that goes with a part of the grams, half-even."""
    return round(Fraction(cents * grams, of))


class Books:
    """Grams and cents of a reserve, kept by the commands it acknowledged."""

    def __init__(self) -> None:
        self.mass: dict[tuple[str, str], int] = defaultdict(int)
        self.cents: dict[str, int] = defaultdict(int)
        self.lots: dict[str, Lot] = {}
        self.entitlements: dict[tuple[str, str, int], int] = defaultdict(int)
        self.duties: dict[str, list[int]] = {}  # open grams, open cents
        self.duty_of: dict[str, tuple[str, str | None]] = {}  # item, member
        self.changes: dict[str, Change] = {}

    def held(self) -> list[str]:
        """Return the lots that hold something, sorted."""
        return sorted(name for name, lot in self.lots.items() if lot.grams)

    def enter(
        self,
        command: str,
        given: dict[str, Any],
        result: dict[str, Any],
        *,
        sequence: int,
        rows: Callable[..., list[dict[str, Any]]],
    ) -> None:
        """Enter one acknowledged command.

        `rows` reads tables of the reserve, for facts that no ledger holds: whose
        order a delivery is, when a lot was received.
        """
        change = Change(command)
        entry = getattr(self, f"_{command}", None)
        if entry is None or result.get("status") == "proposed":
            return  # it moves nothing, or not before a second person asks for it
        entry(change, given, result, rows)
        self._apply(change, sign=1)
        if command in TAKEN_BACK and (change.mass or change.cents or change.lots):
            self.changes[f"TXN-{sequence:06d}"] = change

    # --- Lots -----------------------------------------------------------------------

    def _receive_lot(self, change, given, result, rows) -> None:
        self._new(result["lot"], given["item"], given["owner"], given["depot"])
        cost = given.get("cost_cents", 0)
        self._into(change, result["lot"], given["grams"], cost)
        change.mass["opening", given["item"]] -= given["grams"]
        change.cents[f"inventory:{given['item']}"] += cost
        change.cents["equity:opening"] -= cost

    def _split_lot(self, change, given, result, rows) -> None:
        lot = self.lots[given["lot"]]
        cost = self._out(change, given["lot"], given["grams"])
        self._new(result["lot"], lot.item, lot.owner, lot.depot)
        self._into(change, result["lot"], given["grams"], cost)

    def _blend_lots(self, change, given, result, rows) -> None:
        first = self.lots[given["parts"][0]["lot"]]
        costs = [self._out(change, p["lot"], p["grams"]) for p in given["parts"]]
        loss = given.get("loss_grams", 0)
        grams = sum(p["grams"] for p in given["parts"]) - loss
        self._new(result["lot"], first.item, first.owner, first.depot)
        self._into(change, result["lot"], grams, sum(costs))
        change.mass["loss", first.item] += loss

    def _upgrade_lots(self, change, given, result, rows) -> None:
        first = self.lots[given["parts"][0]["lot"]]
        carried = sum(self._out(change, p["lot"], p["grams"]) for p in given["parts"])
        whole = sum(p["grams"] for p in given["parts"])
        work = given.get("cost_cents", 0)
        self._new(result["lot"], given["item"], first.owner, first.depot)
        self._into(change, result["lot"], given["grams"], carried + work)
        change.mass["loss", first.item] += whole - given["grams"]
        change.mass["conversion", first.item] += given["grams"]
        change.mass["conversion", given["item"]] -= given["grams"]
        change.cents[f"inventory:{first.item}"] -= carried
        change.cents[f"inventory:{given['item']}"] += carried + work
        change.cents["cash"] -= work

    def _rotate_lot(self, change, given, result, rows) -> None:
        lot = self.lots[given["lot"]]
        grams, cost = lot.grams, self._out(change, given["lot"], lot.grams)
        self._new(result["lot"], lot.item, lot.owner, lot.depot)
        self._into(change, result["lot"], grams, cost)
        fee = given.get("fee_cents", 0)
        change.cents["expense:rotation"] += fee
        change.cents["cash"] -= fee

    def _relocate_lot(self, change, given, result, rows) -> None:
        lot = self.lots[given["lot"]]
        change.mass[f"depot:{lot.depot}", lot.item] -= lot.grams
        change.mass[f"depot:{given['depot']}", lot.item] += lot.grams
        change.moved = (given["lot"], lot.depot, given["depot"])

    def _recount_lot(self, change, given, result, rows) -> None:
        lot = self.lots[given["lot"]]
        found = given["counted_grams"] - lot.grams
        if found < 0:
            cost = self._out(change, given["lot"], -found)
            change.cents[f"inventory:{lot.item}"] -= cost
            change.cents["expense:adjustment"] += cost
        elif found > 0:
            self._into(change, given["lot"], found, 0)
        change.mass["adjustment", lot.item] -= found
        change.duty = self._lost(result, rows)

    def _reverse(self, change, given, result, rows) -> None:
        earlier = self.changes[given["txn"]]
        assert not earlier.taken_back, "a transaction was taken back twice"
        earlier.taken_back = True
        self._apply(earlier, sign=-1)
        if earlier.entitled is not None:
            row, grams = earlier.entitled
            self._entitle(row, row["member"], -grams)
        if earlier.duty is not None:
            self.duties[earlier.duty] = [0, 0]

    # --- Contracts ------------------------------------------------------------------

    def _appropriate(self, change, given, result, rows) -> None:
        change.cents["cash"] += given["cents"]
        change.cents["treasury"] -= given["cents"]

    def _record_delivery(self, change, given, result, rows) -> None:
        contract = _contract_of(rows, given["delivery"])
        item = contract["item"]
        change.mass[f"supplier:{contract['producer']}", item] -= given["grams"]
        change.mass["inspection", item] += given["grams"]

    def _accept_delivery(self, change, given, result, rows) -> None:
        contract = _contract_of(rows, given["delivery"])
        item, supplier = contract["item"], f"supplier:{contract['producer']}"
        good, bad = given["accepted_grams"], given["rejected_grams"]
        change.mass["inspection", item] -= good + bad
        change.mass[supplier, item] += bad
        if good:
            self._new(result["lot"], item, contract["owner"], given["depot"])
            self._into(change, result["lot"], good, result["amount_cents"])
        change.cents[f"inventory:{item}"] += result["amount_cents"]
        change.cents[f"payable:{contract['contract']}"] -= result["amount_cents"]

    def _pay_delivery(self, change, given, result, rows) -> None:
        contract = _contract_of(rows, given["delivery"])
        change.cents[f"payable:{contract['contract']}"] += given["cents"]
        change.cents["cash"] -= given["cents"]

    def _approve_settlement(self, change, given, result, rows) -> None:
        due = result.get("due_cents", 0)
        other = "expense:support" if due > 0 else "income:support"
        change.cents[other] += due
        change.cents[f"settlement:{given['contract']}"] -= due

    def _pay_settlement(self, change, given, result, rows) -> None:
        change.cents[f"settlement:{given['contract']}"] += result["paid_cents"]
        change.cents["cash"] -= result["paid_cents"]

    # --- The industrial reserve -----------------------------------------------------

    def _admit_member(self, change, given, result, rows) -> None:
        self._fee(change, given["entry_fee_cents"])

    def _grant_entitlement(self, change, given, result, rows) -> None:
        self._fee(change, result["entry_fee_cents"])
        self._entitle(given, given["member"], given["grams"])
        if result["entry_fee_cents"]:
            change.entitled = (given, given["grams"])

    def _accept_transfer(self, change, given, result, rows) -> None:
        (row,) = rows("transfers", transfer=given["transfer"])
        self._entitle(row, row["from_member"], -row["grams"])
        self._entitle(row, row["to_member"], row["grams"])

    def _draw_entitlement(self, change, given, result, rows) -> None:
        taken = [(one["lot"], one["grams"]) for one in result["lots"]]
        assert sum(grams for _, grams in taken) == given["grams"]
        cost = self._take(change, taken)
        change.mass[f"member:{given['member']}", given["item"]] += given["grams"]
        self._owe(result["duty"], given["item"], given["member"], given["grams"], cost)
        change.cents[f"duty:{result['duty']}"] += cost

    def _replenish(self, change, given, result, rows) -> None:
        item, member = self.duty_of[given["duty"]]
        cost = self._settle(given["duty"], given["grams"])
        self._new(result["lot"], item, given["owner"], given["depot"])
        self._into(change, result["lot"], given["grams"], cost)
        source = f"member:{member}" if member else "adjustment"
        change.mass[source, item] -= given["grams"]
        change.cents[f"inventory:{item}"] += cost
        change.cents[f"duty:{given['duty']}"] -= cost

    def _buy_back(self, change, given, result, rows) -> None:
        price, grams = given["inventory_price_cents_per_t"], given["grams"]
        paid = round(Fraction(price * grams, 1_000_000))
        assert result["paid_cents"] == paid
        if given.get("duty") is None:
            cost = self._take(change, _oldest(self, rows, given["item"], grams))
            change.mass[f"member:{given['member']}", given["item"]] += grams
        else:
            cost = self._settle(given["duty"], grams)
            change.cents[f"duty:{given['duty']}"] -= cost
        change.cents["cash"] += paid
        change.cents["income:buy_back"] += cost - paid
        self._entitle(given, given["member"], -grams)

    def _charge_carry(self, change, given, result, rows) -> None:
        change.cents["income:carry"] -= result["cents"]

    def _pay_carry(self, change, given, result, rows) -> None:
        change.cents["cash"] += result["paid_cents"]

    # --- Releases -------------------------------------------------------------------

    def _draw_release(self, change, given, result, rows) -> None:
        name = given["release_id"]
        (release,) = rows("releases", release_id=name)
        item = release["item"]
        draws = rows("draws", release_id=name)
        assert sum(one["grams"] for one in draws) == release["granted_grams"]
        whole = 0
        duties = {}
        for duty in result["duties"]:
            (row,) = rows("duties", duty=duty)
            duties[row["member"]] = duty
        claims = {one["claim"]: one for one in rows("claims", release_id=name)}
        by_claimant: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
        for one in draws:
            cost = self._take(change, [(one["lot"], one["grams"])])
            assert cost == one["cost_cents"]
            whole += cost
            claimant = claims[one["claim"]]["claimant"] if one["claim"] else None
            key = claimant if release["reserve"] == "industrial" else None
            by_claimant[key][0] += one["grams"]
            by_claimant[key][1] += cost
        change.mass[f"shipped:{name}", item] += release["granted_grams"]
        if not duties:
            change.cents["expense:release"] += whole
        elif release["reserve"] == "strategic":
            for duty in result["duties"]:
                (row,) = rows("duties", duty=duty)
                self._owe(duty, item, None, row["grams"], row["open_cents"])
                change.cents[f"duty:{duty}"] += row["open_cents"]
            owed = sum(self.duties[duty][1] for duty in result["duties"])
            assert owed == whole
        else:
            for member, (grams, cost) in by_claimant.items():
                self._owe(duties[member], item, member, grams, cost)
                change.cents[f"duty:{duties[member]}"] += cost
        proceeds = part(
            release["proceeds_cents"] or 0, release["granted_grams"], release["grams"]
        )
        change.cents["cash"] += proceeds
        change.cents["income:sales"] -= proceeds

    def _deliver_shipment(self, change, given, result, rows) -> None:
        (row,) = rows("shipments", shipment=given["shipment"])
        (release,) = rows("releases", release_id=row["release_id"])
        if release["reserve"] != "industrial":
            return
        claims = rows("claims", release_id=row["release_id"], claim=row["claim"])
        account = f"member:{claims[0]['claimant']}"
        change.mass[f"shipped:{row['release_id']}", release["item"]] -= row["grams"]
        change.mass[account, release["item"]] += row["grams"]

    # --- Arithmetic -----------------------------------------------------------------

    def _new(self, name: str, item: str, owner: str, depot: str) -> None:
        assert name not in self.lots, f"lot {name} was made twice"
        self.lots[name] = Lot(item, owner, depot)

    def _into(self, change: Change, name: str, grams: int, cost: int) -> None:
        self._move(change, name, grams, cost)

    def _out(self, change: Change, name: str, grams: int) -> int:
        """Take grams out of a lot and return the cost that goes with them."""
        lot, (more, dearer) = self.lots[name], change.lots.get(name, (0, 0))
        held = lot.grams + more  # one command may take from a lot more than once
        assert grams <= held, f"{grams} g taken out of {held} g of {name}"
        cost = part(lot.cost + dearer, grams, held)
        self._move(change, name, -grams, -cost)
        return cost

    def _move(self, change: Change, name: str, grams: int, cost: int) -> None:
        lot = self.lots[name]
        before = change.lots.get(name, (0, 0))
        change.lots[name] = (before[0] + grams, before[1] + cost)
        change.mass[f"depot:{lot.depot}", lot.item] += grams

    def _take(self, change: Change, taken: Iterable[tuple[str, int]]) -> int:
        """Take grams out of lots and their cost out of the inventory."""
        whole = 0
        for name, grams in taken:
            cost = self._out(change, name, grams)
            change.cents[f"inventory:{self.lots[name].item}"] -= cost
            whole += cost
        return whole

    def _fee(self, change: Change, cents: int) -> None:
        change.cents["cash"] += cents
        change.cents["income:fees"] -= cents

    def _entitle(self, row: dict[str, Any], member: str, grams: int) -> None:
        key = (member, row["item"], row["inventory_price_cents_per_t"])
        self.entitlements[key] += grams
        assert self.entitlements[key] >= 0

    def _owe(self, duty: str, item: str, member: str | None, grams: int, cents: int):
        self.duties[duty] = [grams, cents]
        self.duty_of[duty] = (item, member)

    def _settle(self, duty: str, grams: int) -> int:
        left, cents = self.duties[duty]
        assert grams <= left
        share = part(cents, grams, left)
        self.duties[duty] = [left - grams, cents - share]
        return share

    def _lost(self, result: dict[str, Any], rows: Callable[..., Any]) -> str | None:
        """Enter the reserve's own duty where entitled grams were lost."""
        if not result.get("duty"):
            return None
        (row,) = rows("duties", duty=result["duty"])
        self._owe(row["duty"], row["item"], row["member"], row["grams"], 0)
        return str(row["duty"])

    def _apply(self, change: Change, *, sign: int) -> None:
        for account, grams in change.mass.items():
            self.mass[account] += sign * grams
        for account, cents in change.cents.items():
            self.cents[account] += sign * cents
        for name, (grams, cost) in change.lots.items():
            lot = self.lots[name]
            lot.grams += sign * grams
            lot.cost += sign * cost
            assert lot.grams >= 0
            assert lot.cost >= 0
        if change.moved is not None:
            name, before, after = change.moved
            self.lots[name].depot = after if sign > 0 else before


def _contract_of(rows: Callable[..., list[dict[str, Any]]], delivery: str):
    (row,) = rows("deliveries", delivery=delivery)
    (order,) = rows("orders", order_id=row["order_id"])
    (contract,) = rows("contracts", contract=order["contract"])
    return contract


def _oldest(books: Books, rows, item: str, grams: int) -> list[tuple[str, int]]:
    """Choose usable industrial lots, the one received first first."""
    today = rows.today
    industrial = {row["owner"] for row in rows("owners", kind="industrial")}
    queue = sorted(
        (row["received_on"], row["lot"])
        for row in rows("lots", item=item)
        if row["owner"] in industrial
        # A command of the same group may have made a lot since.
        and row["lot"] in books.lots
        and books.lots[row["lot"]].grams
        and (row["expires_on"] or "9999") >= today
        and (row["certificate_expires_on"] or "9999") >= today
    )
    taken = []
    for _, name in queue:
        given = min(grams, books.lots[name].grams)
        if given:
            taken.append((name, given))
            grams -= given
    assert grams == 0, "stock was sold that is not there"
    return taken
