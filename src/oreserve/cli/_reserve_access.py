# SPDX-License-Identifier: Apache-2.0
"""The commands of `oreserve reserve` about users, passwords and tokens.

A password is typed or read from standard input, never given as an option: options
stay in the history of the shell and in the list of processes.
"""

from __future__ import annotations

import sys
import uuid
from typing import Annotated

import typer

from oreserve.cli._guard import guarded
from oreserve.cli._options import JsonOption  # noqa: TC001  # read at run time
from oreserve.cli._reserve import AsOption, WhereArgument, everything, print_json
from oreserve.cli._reserve_do import reserve_app

__all__ = ["reserve_app"]

token_app = typer.Typer(
    name="token",
    help="Tokens with which programs use the HTTP interface.",
    no_args_is_help=True,
)
reserve_app.add_typer(token_app)


@reserve_app.command("users")
@guarded
def reserve_users(where: WhereArgument, *, as_json: JsonOption = False) -> None:
    """List the users of a reserve with their roles.

    `oreserve reserve run FILE add_user` adds one, `grant_role` gives a role.

    For example:

      oreserve reserve users reserve.db
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        held: dict[str, list[str]] = {}
        for row in store.query.rows("user_roles", everything()):
            held.setdefault(row["user"], []).append(row["role"])
        users = [
            {
                "user": row["user"],
                "name": row["name"],
                "member": row["member"],
                "active": row["active"],
                "roles": held.get(row["user"], []),
            }
            for row in store.query.rows("users", everything())
        ]
    if as_json:
        print_json(users)
        return
    width = max((len(user["user"]) for user in users), default=0)
    for user in users:
        state = "" if user["active"] else " (not active)"
        member = f", for {user['member']}" if user["member"] else ""
        roles = ", ".join(user["roles"]) or "no role"
        typer.echo(f"{user['user']:<{width}}  {roles}{member}{state}: {user['name']}")


@reserve_app.command("password")
@guarded
def reserve_password(
    where: WhereArgument,
    user: Annotated[str, typer.Argument(help="Whose password.", metavar="USER")],
    *,
    by: AsOption,
) -> None:
    """Set a user's password; it is asked for, or read from standard input.

    For example:

      oreserve reserve password reserve.db bea --as ada
    """
    from oreserve import reserve

    if sys.stdin.isatty():
        secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    with reserve.open(where) as store:
        store.access.set_password(user, secret, by=by, key=f"password {uuid.uuid4()}")
    typer.echo(f"{user}: the password is set, sessions of before are ended")


@token_app.command("issue")
@guarded
def reserve_token_issue(
    where: WhereArgument,
    user: Annotated[
        str, typer.Argument(help="For whom the program speaks.", metavar="USER")
    ],
    *,
    by: AsOption,
    name: Annotated[str, typer.Option(help="What the token is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="read, write, or the name of a command; may be repeated.",
            metavar="SCOPE",
        ),
    ] = None,
    days: Annotated[int, typer.Option(help="Days until it expires.", min=1)] = 90,
) -> None:
    """Issue a token and print it, this once.

    For example:

      oreserve reserve token issue reserve.db bea --as ada --name erp --scope read
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        secret = store.access.issue_token(
            user,
            name=name,
            scopes=scope or ["read"],
            days=days,
            by=by,
            key=f"token {uuid.uuid4()}",
        )
    typer.echo(secret)


@token_app.command("list")
@guarded
def reserve_token_list(
    where: WhereArgument,
    user: Annotated[str, typer.Argument(help="Whose tokens.", metavar="USER")],
) -> None:
    """List a user's tokens, without the secrets.

    For example:

      oreserve reserve token list reserve.db bea
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        tokens = store.access.tokens(user)
    for row in tokens:
        state = "revoked" if row["revoked_at"] else f"until {row['expires_at']}"
        used = row["last_used_at"] or "never used"
        typer.echo(f"{row['token']}  {row['name']}  {row['scopes']}  {state}  {used}")
    typer.echo(f"{len(tokens)} tokens")


@token_app.command("revoke")
@guarded
def reserve_token_revoke(
    where: WhereArgument,
    token: Annotated[str, typer.Argument(help="Name of it, TOK-...", metavar="TOKEN")],
    *,
    by: AsOption,
) -> None:
    """Revoke a token.

    For example:

      oreserve reserve token revoke reserve.db TOK-0123456789ab --as ada
    """
    from oreserve import reserve

    with reserve.open(where) as store:
        store.access.revoke_token(token, by=by, key=f"revoke {uuid.uuid4()}")
    typer.echo(f"{token}: revoked")
