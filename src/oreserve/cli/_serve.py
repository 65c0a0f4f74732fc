# SPDX-License-Identifier: Apache-2.0
"""`oreserve serve`: pages and the API of a reserve, with one command."""

from __future__ import annotations

import contextlib
import logging
import secrets
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from oreserve.cli._guard import guarded
from oreserve.errors import InputError

if TYPE_CHECKING:
    from oreserve.reserve import Reserve

__all__ = ["serve_reserve"]

USUAL_FILE = Path("oreserve-reserve") / "reserve.db"
ADMINISTRATOR = "admin"
MOST_CONNECTIONS = 800


@guarded
def serve_reserve(
    *,
    reserve: Annotated[
        str | None,
        typer.Option(
            help="A SQLite file or postgresql://USER@HOST/NAME. Without it the file "
            f"{USUAL_FILE} is opened, or made with an administrator.",
            metavar="FILE|URL",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port; 0 takes a free one.", min=0, max=65535)
    ] = 8765,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Serve a fresh reserve with a year of invented operations."
        ),
    ] = False,
    study: Annotated[
        str | None,
        typer.Option(
            help="A study whose demands say for how many days stock lasts; a new "
            "reserve takes its items from it.",
        ),
    ] = None,
    https: Annotated[
        bool,
        typer.Option(
            "--https", help="People reach it by https, through a proxy of yours."
        ),
    ] = False,
    proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address of such a proxy; may be given several times."),
    ] = None,
    url: Annotated[
        str, typer.Option(help="Address by which people reach it, for sign-in.")
    ] = "",
    oidc: Annotated[
        Path | None,
        typer.Option(
            help="JSON file with issuer, client_id, client_secret and name of an "
            "identity provider; otherwise ORESERVE_OIDC_... of the environment.",
            dir_okay=False,
            exists=True,
        ),
    ] = None,
) -> None:
    """Serve pages and the HTTP API of an operated reserve.

    For example:

      oreserve serve --demo

      oreserve serve --reserve reserve.db --port 8765
    """
    from oreserve.web import Settings, create_app, provider_from

    if demo and reserve is not None:
        message = "--demo makes a reserve of its own; leave out --reserve"
        raise InputError(message)
    if not https and not _is_loopback(host):
        typer.echo(
            f"Warning: {host} is reached without https; passwords travel in the open.",
            err=True,
        )
    with ExitStack() as held:
        store = _demo(held, study) if demo else _stored(reserve, study)
        held.callback(store.close)
        settings = Settings(
            secure=https,
            trusted_proxies=frozenset(proxy or ()),
            base_url=url,
            provider=provider_from(file=oidc),
            invented=demo,
            demand_t_per_year=_demands(study or ("us-2026" if demo else None)),
        )
        _listen(create_app(store, settings), host, port)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _demo(held: ExitStack, study: str | None) -> Reserve:
    """Make a demonstration in a folder that goes away at the end."""
    from oreserve.reserve import open as open_reserve
    from oreserve.reserve._demo import DEMO_USERS, make_demo

    folder = held.enter_context(tempfile.TemporaryDirectory(prefix="oreserve-demo-"))
    file = Path(folder) / "demo.db"
    password = secrets.token_urlsafe(9)
    typer.echo("Telling a year of invented operations ...")
    today = datetime.now(UTC).date()
    made = make_demo(file, last_day=today, study=study or "us-2026", password=password)
    made.close()
    typer.echo("Demonstration. Sign in as one of these, each with the password")
    typer.echo(f"  {password}")
    for user, roles in DEMO_USERS.items():
        typer.echo(f"  {user:<5} {', '.join(roles)}")
    return open_reserve(file)


def _stored(where: str | None, study: str | None) -> Reserve:
    """Open a reserve; the usual file is made, with an administrator, if need be."""
    from oreserve.reserve import create
    from oreserve.reserve import open as open_reserve

    if where is not None:
        return open_reserve(where)
    if USUAL_FILE.is_file():
        typer.echo(f"Opening {USUAL_FILE.absolute()}")
        return open_reserve(USUAL_FILE)
    USUAL_FILE.parent.mkdir(exist_ok=True, mode=0o700)
    store = create(USUAL_FILE, name="Reserve", administrator=ADMINISTRATOR, study=study)
    password = secrets.token_urlsafe(15)
    store.access.set_password(
        ADMINISTRATOR, password, by=ADMINISTRATOR, key="first password"
    )
    typer.echo(f"Made {USUAL_FILE.absolute()}")
    typer.echo(f"Sign in as {ADMINISTRATOR} with this password, shown only now:")
    typer.echo(f"  {password}")
    return store


def _demands(study: str | None) -> dict[str, float]:
    """Return the yearly demand at home by item, t; none without a study."""
    if study is None:
        return {}
    import polars as pl

    from oreserve.study import load_study

    loaded = load_study(study)
    home = loaded.table("demands").filter(
        pl.col("country").is_in(loaded.home_countries)
        & pl.col("quantity_t_per_year").is_not_null()
    )
    summed = home.group_by("item").agg(pl.col("quantity_t_per_year").sum()).sort("item")
    return dict(summed.iter_rows())


def _listen(app: Any, host: str, port: int) -> None:
    """Answer until interrupted; what was acknowledged is committed."""
    import uvicorn

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s"
    )
    config = _config(app, host, port)
    typer.echo(f"Listening on http://{host}:{port} (Ctrl-C ends it)")
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run()
    typer.echo("Stopped. Every command that was acknowledged is kept.")


def _config(app: Any, host: str, port: int) -> Any:
    """Return how to listen: slow or many connections do not keep others out."""
    import uvicorn

    from oreserve.web._patience import ImpatientProtocol

    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        # Our own line names the path alone: addresses may hold what nobody should log.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        http=ImpatientProtocol,
        ws="none",
        timeout_keep_alive=5,
        # Below the 1,024 open files that a process has as a rule.
        limit_concurrency=MOST_CONNECTIONS,
    )
