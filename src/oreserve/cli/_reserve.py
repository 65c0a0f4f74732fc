# SPDX-License-Identifier: Apache-2.0
"""The commands `oreserve reserve ...`: an operated reserve from the terminal.

Whoever can open the database file may use them: `--as` says in whose name, and the
roles of that user decide about each command, but nobody is asked for a password here.
A reserve for many people is served over HTTP, with sign-in.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path  # noqa: TC003  # typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oreserve.cli._guard import guarded
from oreserve.cli._options import JsonOption, out_path
from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oreserve.reserve import Actor, Reserve
    from oreserve.reserve._queries import Column

__all__ = [
    "AsOption",
    "WhereArgument",
    "everything",
    "print_json",
    "reserve_app",
]

GRAMS_PER_T = 1_000_000

reserve_app = typer.Typer(
    name="reserve",
    help="The operated reserve: lots, contracts, releases and their ledger.\n\n"
    "Start with: oreserve reserve create reserve.db --name 'Our reserve' --as ada",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

WhereArgument = Annotated[
    str,
    typer.Argument(
        help="The reserve: a file, or postgresql://USER@HOST/NAME.",
        metavar="FILE|URL",
        envvar="ORESERVE_RESERVE",
    ),
]
AsOption = Annotated[
    str, typer.Option("--as", help="User in whose name this is done.", metavar="USER")
]
ViewerOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        help="Show what this user may see; without it, everything.",
        metavar="USER",
    ),
]


@reserve_app.command("create")
@guarded
def reserve_create(
    where: WhereArgument,
    *,
    name: Annotated[str, typer.Option(help="Name of the reserve.")],
    administrator: Annotated[
        str, typer.Option("--as", help="First user, an administrator.", metavar="USER")
    ],
    study: Annotated[
        str | None,
        typer.Option(help="Study whose storable items it may hold.", metavar="STUDY"),
    ] = None,
) -> None:
    """Make a new reserve with its first administrator.

    For example:

      oreserve reserve create reserve.db --name "Our reserve" --as ada --study us-2026

      oreserve reserve create postgresql://ores@db/reserve --name Reserve --as ada
    """
    from oreserve import reserve

    _refuse_existing(where)
    with reserve.create(
        where, name=name, administrator=administrator, study=study
    ) as store:
        items = len(list(store.query.rows("items", everything())))
        typer.echo(
            f"{name}: made with {items} items; {administrator} is the administrator"
        )
        typer.echo(f"Head to note down: {store.head()}")


def _refuse_existing(where: str) -> None:
    """Refuse to make a reserve where there is one."""
    from oreserve import reserve

    try:
        with reserve.open(where) as store:
            sequence = store.head().sequence
    except (InputError, reserve.StoreError):
        return  # nothing there, or no reserve
    if sequence:
        message = f"{where} holds a reserve already; name a new file or database"
        raise InputError(message)


@reserve_app.command("demo")
@guarded
def reserve_demo(
    where: WhereArgument,
    *,
    last_day: Annotated[
        str | None,
        typer.Option(
            help="Last day of the invented year; default today.", metavar="YYYY-MM-DD"
        ),
    ] = None,
    study: Annotated[
        str, typer.Option(help="Study with the items.", metavar="STUDY")
    ] = "us-2026",
) -> None:
    """Make a reserve with a year of operations, all of it invented.

    For example:

      oreserve reserve demo demo.db
    """
    from oreserve.reserve._demo import make_demo

    _refuse_existing(where)
    try:
        last = _today() if last_day is None else date.fromisoformat(last_day)
    except ValueError:
        message = f"--last-day {last_day!r} is no day; write YYYY-MM-DD"
        raise InputError(message) from None
    with make_demo(where, last_day=last, study=study) as store:
        head = store.head()
    typer.echo(f"{where}: a year until {last}, all invented; entry {head}")


def _today() -> date:
    return datetime.now(UTC).date()


@reserve_app.command("status")
@guarded
def reserve_status(where: WhereArgument, *, as_json: JsonOption = False) -> None:
    """Show what a reserve holds and what waits to be done.

    For example:

      oreserve reserve status reserve.db
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        found = _status(store)
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found['name']}: entry {found['sequence']} of {found['at']}")
    typer.echo(
        f"{_tonnes(found['strategic_grams'])} strategic, "
        f"{_tonnes(found['industrial_grams'])} industrial, "
        f"{_tonnes(found['custody_grams'])} in custody; "
        f"{found['lots']} lots of {found['items']} items"
    )
    typer.echo(
        f"{found['contracts']} contracts; {found['deliveries_due']} deliveries due, "
        f"{found['deliveries_late']} of them late; {_tonnes(found['on_order_grams'])} "
        "on order"
    )
    typer.echo(
        f"{found['releases_open']} releases open; {found['duties_open']} duties to "
        f"replenish open; {found['users']} users"
    )


def _status(store: Reserve) -> dict[str, Any]:
    query, viewer = store.query, everything()
    stock = list(query.rows("stock", viewer))
    due = list(query.rows("deliveries_due", viewer))
    head = store.head()
    newest = query.page("audit", viewer, where={"sequence": head.sequence}).rows
    names = {row["name"]: row["value"] for row in query.rows("meta", viewer)}
    ended = ("shipped", "refused", "closed")
    releases = [r for r in query.rows("releases", viewer) if r["status"] not in ended]
    sums = {
        name: sum(row[name] for row in stock)
        for name in (
            *("strategic_grams", "industrial_grams", "custody_grams"),
            *("lots", "on_order_grams"),
        )
    }
    return {
        "name": names.get("name"),
        "sequence": head.sequence,
        "hash": head.hash,
        "at": newest[0]["at"] if newest else None,
        **sums,
        "items": sum(1 for row in stock if row["lots"]),
        "contracts": _count(query.rows("contracts", viewer)),
        "deliveries_due": len(due),
        "deliveries_late": sum(row["is_late"] for row in due),
        "releases_open": len(releases),
        "duties_open": _count(query.rows("duties", viewer, where={"status": "open"})),
        "users": _count(query.rows("users", viewer, where={"active": True})),
    }


@reserve_app.command("stock")
@guarded
def reserve_stock(
    where: WhereArgument, *, user: ViewerOption = None, as_json: JsonOption = False
) -> None:
    """Show the stock by item: whose it is, what is owed and what is on order.

    For example:

      oreserve reserve stock reserve.db

      oreserve reserve stock reserve.db --as lyn --json
    """
    reserve_show(where, "stock", user=user, condition=None, as_json=as_json)


@reserve_app.command("show")
@guarded
def reserve_show(
    where: WhereArgument,
    view: Annotated[
        str | None,
        typer.Argument(help="What to show; without it, all names.", metavar="VIEW"),
    ] = None,
    *,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--where", help="Only rows with this value.", metavar="COLUMN=VALUE"
        ),
    ] = None,
    user: ViewerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show any table or view of a reserve, such as lots, contracts or audit.

    For example:

      oreserve reserve show reserve.db

      oreserve reserve show reserve.db lots --where depot=D1 --where status=held

      oreserve reserve show reserve.db contracts --as bea --json
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        viewer = _viewer(store, user)
        if view is None:
            names = {v.name: v.description for v in store.query.views(viewer)}
            if as_json:
                print_json(names)
                return
            for name, told in names.items():
                typer.echo(f"{name:<24} {told}")
            return
        asked = _conditions(condition or [])
        columns = store.query.columns(view, viewer)
        rows = list(store.query.rows(view, viewer, where=asked))
    if as_json:
        print_json(rows)
        return
    _print_table(columns, rows)


@reserve_app.command("verify")
@guarded
def reserve_verify(
    where: WhereArgument,
    *,
    head: Annotated[
        str | None,
        typer.Option(
            help="An entry noted down earlier: it must still be there.",
            metavar="SEQ:HASH",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Replay the audit trail and the ledger; exit code 1 at the first difference.

    For example:

      oreserve reserve verify reserve.db

      oreserve reserve verify reserve.db --head 812:9f2c...
    """
    from oreserve import reserve
    from oreserve.reserve import Head

    try:
        expected = None if head is None else Head.parse(head)
    except ValueError as error:
        message = f"--head: {error}"
        raise InputError(message) from None
    with reserve.open(where) as store:
        found = store.verify(expected_head=expected)
    if as_json:
        problem = None if found.problem is None else str(found.problem)
        print_json(
            {
                "ok": found.ok,
                "entries": found.entries,
                "transactions": found.transactions,
                "head": str(found.head),
                "problem": problem,
            }
        )
    else:
        typer.echo(found.summary().replace("\n", " "))
    if not found.ok:
        raise typer.Exit(1)


@reserve_app.command("export")
@guarded
def reserve_export(
    where: WhereArgument,
    *,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder; it appears whole or not at all, and only an earlier export "
            "is replaced.",
            metavar="FOLDER",
            parser=out_path,
        ),
    ],
    level: Annotated[
        str, typer.Option(help="full, partner or public.", metavar="LEVEL")
    ] = "public",
    user: ViewerOption = None,
) -> None:
    """Write a Data Package: everything, for a partner, or for the public.

    For example:

      oreserve reserve export reserve.db --out out/public

      oreserve reserve export reserve.db --level partner --out out/partner
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        if user is not None:
            _may(store, user, f"export_{level}")
        found = store.export(out, level=level)
    rows = sum(found.rows.values())
    typer.echo(f"{found.level}: {len(found.rows)} tables, {rows} rows in {out}")
    typer.echo(f"State: {found.head}")


@reserve_app.command("backup")
@guarded
def reserve_backup(
    where: WhereArgument,
    path: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
) -> None:
    """Copy a reserve while it is in use; the copy opens and verifies.

    For example:

      oreserve reserve backup reserve.db reserve-2026-11-24.db
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        store.backup(path)
    typer.echo(f"Copy: {path}; check it with: oreserve reserve verify {path}")


@reserve_app.command("restore")
@guarded
def reserve_restore(
    path: Annotated[Path, typer.Argument(help="A file that `backup` wrote.")],
    where: WhereArgument,
) -> None:
    """Fill a new file or an empty database from a backup.

    For example:

      oreserve reserve restore reserve-2026-11-24.db postgresql://ores@db/reserve
    """
    from oreserve import reserve

    reserve.restore(path, where)
    typer.echo(f"Restored; check it with: oreserve reserve verify {where}")


@reserve_app.command("migrate")
@guarded
def reserve_migrate(where: WhereArgument) -> None:
    """Bring the tables of a reserve up to this version; make a backup first.

    For example:

      oreserve reserve migrate reserve.db
    """
    from oreserve import reserve

    before, after = reserve.migrate(where)
    if before is None:
        message = f"{where} holds no reserve; `oreserve reserve create` makes one"
        raise InputError(message)
    told = "they were up to date" if before == after else f"from revision {before}"
    typer.echo(f"Tables at revision {after}; {told}")


# --- What they share --------------------------------------------------------------


def everything() -> Actor:
    """Return a viewer who sees all: whoever holds the file can read it anyway."""
    from oreserve.reserve import Actor

    return Actor("terminal", frozenset({"administrator", "auditor"}))


def _viewer(store: Reserve, user: str | None) -> Actor:
    """Return a user with their roles, as viewer."""
    from oreserve.reserve import Actor, NotFound
    from oreserve.tables import nearest

    if user is None:
        return everything()
    rows = {row["user"]: row for row in store.query.rows("users", everything())}
    if user not in rows:
        guess = nearest(user, rows)
        hint = f"; nearest: {guess!r}" if guess else ""
        message = f"--as: there is no user {user!r}{hint}"
        raise NotFound(message)
    held = store.query.rows("user_roles", everything(), where={"user": user})
    return Actor(user, frozenset(row["role"] for row in held), rows[user]["member"])


def _may(store: Reserve, user: str, action: str) -> None:
    """Refuse what a user's roles do not allow."""
    from oreserve.reserve import Refused, allows, roles_for

    if roles_for(action) and not allows(_viewer(store, user).roles, action):
        may = roles_for(action)
        message = f"{user} may not {action}: it needs {' or '.join(may)}"
        raise Refused(rule="role", message=message, allowed=list(may))


def _conditions(words: Sequence[str]) -> dict[str, str]:
    """Read COLUMN=VALUE pairs."""
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name.strip():
            message = f"--where {word!r}: write COLUMN=VALUE, such as status=held"
            raise InputError(message)
        found[name.strip()] = value
    return found


def _print_table(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows under their names; grams as tonnes and cents as USD."""
    names = [column.name for column in columns]
    heads = [_head(name) for name in names]
    cells = [[_cell(name, row[name]) for name in names] for row in rows]
    widths = [
        max(len(text) for text in column) for column in zip(heads, *cells, strict=True)
    ]
    for line in (heads, *cells):
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())
    typer.echo(f"{len(rows)} rows")


def _head(name: str) -> str:
    if name == "grams" or name.endswith("_grams"):
        return name.removesuffix("grams") + "t"
    if "cents" in name.split("_"):
        return name.replace("cents", "usd")
    return name


def _cell(name: str, value: Any) -> str:
    """Return a value for people; exact, without a float."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "grams" or name.endswith("_grams"):
        return _decimal(value, 6)
    if "cents" in name.split("_"):
        return _decimal(value, 2)
    text = str(value).replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."


def _decimal(value: int, places: int) -> str:
    """Return a whole number of small units in large ones, exactly."""
    whole, part = divmod(abs(value), 10**places)
    sign = "-" if value < 0 else ""
    rest = f"{part:0{places}}"
    rest = rest if places == 2 else rest.rstrip("0")
    return f"{sign}{whole:,}" + (f".{rest}" if rest else "")


def _tonnes(grams: int) -> str:
    return f"{_decimal(grams, 6)} t"


def _count(rows: Iterable[object]) -> int:
    return sum(1 for _ in rows)


def print_json(document: object) -> None:
    """Print one JSON document."""
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
