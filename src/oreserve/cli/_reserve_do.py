# SPDX-License-Identifier: Apache-2.0
"""The commands of `oreserve reserve` that write: one command, or a workbook of them."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oreserve.cli._guard import guarded
from oreserve.cli._options import JsonOption  # noqa: TC001  # read at run time
from oreserve.cli._reserve import (
    AsOption,
    WhereArgument,
    print_json,
    reserve_app,
)
from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.reserve._excel import Imported

__all__ = ["reserve_app"]

ReasonOption = Annotated[
    str, typer.Option("--reason", help="Why; it stays in the audit trail.")
]


@reserve_app.command("template")
@guarded
def reserve_template(
    path: Annotated[Path, typer.Argument(help="Workbook to write, such as lots.xlsx.")],
    *,
    where: Annotated[
        str | None,
        typer.Option(
            "--reserve",
            help="Offer the names that this reserve knows.",
            metavar="FILE|URL",
        ),
    ] = None,
) -> None:
    """Write an empty workbook for lots, contracts and deliveries.

    For example:

      oreserve reserve template stock.xlsx --reserve reserve.db
    """
    from oreserve import reserve
    from oreserve.reserve._template import known_names, template_bytes

    known = None
    if where is not None:
        with reserve.open(where) as store:
            known = known_names(store.engine, for_lists=True)
    if path.exists():
        message = f"{path} is there already; name a new file"
        raise InputError(message)
    path.write_bytes(template_bytes(known))
    typer.echo(f"Template: {path}")


@reserve_app.command("import")
@guarded
def reserve_import(
    where: WhereArgument,
    path: Annotated[Path, typer.Argument(help="A filled workbook.", metavar="FILE")],
    *,
    user: AsOption,
    reason: ReasonOption,
    write: Annotated[
        bool, typer.Option("--write", help="Write it; without this, a preview.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Preview a workbook, or take it in: all of it or nothing.

    For example:

      oreserve reserve import reserve.db stock.xlsx --as ian --reason "Opening stock"

      oreserve reserve import reserve.db stock.xlsx --as ian --reason "..." --write
    """
    from oreserve import reserve
    from oreserve.reserve._excel import import_workbook

    with reserve.open(where) as store:
        found = import_workbook(store, path, actor=user, reason=reason, write=write)
    if as_json:
        print_json(_import_document(found))
        return
    for line in found.lines[:20]:
        state = "known" if line.is_known else "new"
        told = ", ".join(f"{k} {v}" for k, v in line.result.items() if v is not None)
        typer.echo(f"{line.sheet}, row {line.row}: {state}: {told}")
    if len(found.lines) > 20:
        typer.echo(f"and {len(found.lines) - 20} more")
    typer.echo(found.summary())


def _import_document(found: Imported) -> dict[str, Any]:
    return {
        "is_written": found.is_written,
        "new": found.new,
        "lines": [
            {
                "sheet": line.sheet,
                "row": line.row,
                "command": line.command,
                "result": line.result,
                "is_known": line.is_known,
            }
            for line in found.lines
        ],
    }


@reserve_app.command("commands")
@guarded
def reserve_commands(
    name: Annotated[
        str | None, typer.Argument(help="A command; without it, all of them.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """List the commands of a reserve, or the arguments of one.

    For example:

      oreserve reserve commands

      oreserve reserve commands receive_lot
    """
    from oreserve.reserve import commands, roles_for
    from oreserve.reserve._commands import lookup

    if name is None:
        found = commands()
        if as_json:
            print_json({one.name: one.summary for one in found.values()})
            return
        for one in found.values():
            typer.echo(f"{one.name:<26} {one.summary}")
        return
    what = lookup(name)
    schema = what.arguments.model_json_schema()
    if as_json:
        print_json(schema)
        return
    typer.echo(f"{what.name}: {what.help.strip()}")
    typer.echo(f"roles: {', '.join(roles_for(what.name)) or 'none'}")
    _tell_arguments(schema, schema.get("$defs", {}))
    typer.echo(
        "Of an argument in grams or cents, a decimal text may be given instead: tonnes "
        "for grams, usd for cents (ceiling_tonnes, price_usd_per_t)."
    )


def _tell_arguments(
    schema: Mapping[str, Any], defs: Mapping[str, Any], *, indent: str = "  "
) -> None:
    """Print the arguments of a schema, and below a list those of its elements."""
    needed = schema.get("required", [])
    for argument, facts in schema.get("properties", {}).items():
        mark = "needed" if argument in needed else ""
        typer.echo(f"{indent}{argument:<28} {mark:<7} {_told(facts)}")
        for kind in facts.get("anyOf", [facts]):
            inner = kind.get("items", {}).get("$ref", "").rpartition("/")[2]
            if inner in defs:
                _tell_arguments(defs[inner], defs, indent=f"{indent}  each: ")


def _told(facts: Mapping[str, Any]) -> str:
    """Return type, meaning and allowed values of an argument in one line."""
    kinds = facts.get("anyOf", [facts])
    kind: Mapping[str, Any] = next((k for k in kinds if k.get("type") != "null"), {})
    words = kind.get("enum")
    parts = [
        str(kind.get("type", "")),
        str(facts.get("description") or kind.get("description") or ""),
        f"one of {', '.join(map(str, words))}" if words else "",
    ]
    return "; ".join(part for part in parts if part)


@reserve_app.command("run")
@guarded
def reserve_run(
    where: WhereArgument,
    command: Annotated[
        str, typer.Argument(help="Name of a command; `commands` lists them.")
    ],
    *,
    user: AsOption,
    reason: ReasonOption,
    arguments: Annotated[
        str,
        typer.Option(
            "--args",
            help="Arguments: JSON, a file of JSON, or - for standard input.",
            metavar="FILE|JSON",
        ),
    ] = "{}",
    key: Annotated[
        str | None,
        typer.Option(
            help="Key of this command: repeating it returns the first result. "
            "Without it a new one is made and printed.",
        ),
    ] = None,
    expected_version: Annotated[
        int | None,
        typer.Option(help="Version that you saw; refused if it changed since."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Execute one command: checked, written and audited as a whole, or refused.

    For example:

      oreserve reserve run reserve.db add_depot --as max --reason "Depot opened"
      --args '{"depot": "D1", "name": "North", "country": "USA"}' --key depot-D1
    """
    from oreserve import reserve

    given = _read_arguments(arguments)
    used = key or str(uuid.uuid4())
    with reserve.open(where) as store:
        receipt = store.execute(
            command,
            given,
            actor=user,
            reason=reason,
            key=used,
            expected_version=expected_version,
        )
    if as_json:
        print_json(
            {
                "sequence": receipt.sequence,
                "at": receipt.at,
                "command": receipt.command,
                "result": receipt.result,
                "hash": receipt.hash,
                "key": used,
                "repeated": receipt.repeated,
            }
        )
        return
    told = ", ".join(f"{name} {value}" for name, value in receipt.result.items())
    again = " (done before)" if receipt.repeated else ""
    refused = command == "approve_order" and given.get("decision") == "refuse"
    told += "; refused; cancelled" if refused else ""
    typer.echo(f"{receipt.command}{again}: {told}")
    typer.echo(f"Entry {receipt.sequence}:{receipt.hash}; key {used}")


def _read_arguments(text: str) -> dict[str, Any]:
    """Read arguments from JSON, a file or standard input."""
    if text == "-":
        content, where = sys.stdin.read(), "standard input"
    elif text.lstrip().startswith("{"):
        content, where = text, "--args"
    else:
        path, where = Path(text), text
        if not path.is_file():
            message = f"--args {text!r} is neither JSON nor a file"
            raise InputError(message)
        content = path.read_text(encoding="utf-8")
    try:
        given = json.loads(content)
    except json.JSONDecodeError as error:
        message = f"{where} is no JSON: {error}"
        raise InputError(message) from None
    if not isinstance(given, dict):
        message = f'{where}: an object is needed, such as {{"depot": "D1"}}'
        raise InputError(message)
    return given
