# SPDX-License-Identifier: Apache-2.0
"""The same server over the database of an organisation."""

from __future__ import annotations

import pytest

from oreserve.reserve._demo import make_demo
from reserve._servers import server
from reserve.conftest import _binaries
from web.conftest import LAST_DAY, serving
from web.test_pages import SEEN


@pytest.mark.slow
@pytest.mark.skipif(_binaries() is None, reason="no programs of PostgreSQL here")
def test_pages_and_commands_over_postgresql():
    with server() as database:
        database.command("CREATE DATABASE told")
        where = f"{database.url}/told"
        make_demo(where, last_day=LAST_DAY, study="us-2026").close()
        with serving(where) as house:
            clients = {}
            for user, path in SEEN:
                client = clients.setdefault(user, house.browser(user))
                expected = 403 if (user, path) == ("mia", "/lots") else 200
                assert client.get(path).status_code == expected, path
            given = {"depot": "D9", "name": "Nine", "country": "USA"}
            first = house.give("max", "add_depot", **given)
            assert first.status_code == 200
            again = house.give("max", "add_depot", **given)
            assert (again.status_code, again.json()["rule"]) == (409, "exists")
            depots = house.browser("max").get("/api/v1/depots?limit=1")
            assert depots.links["next"]["url"].startswith("/api/v1/depots?after=")
            assert house.browser("aud").get("/api/v1/verify").json()["ok"] is True
