# SPDX-License-Identifier: Apache-2.0
"""`oreserve serve`: one command starts all, and says what is missing."""

from __future__ import annotations

import stat
import sys

import pytest

from oreserve.cli import _serve, main


@pytest.fixture
def heard(monkeypatch):
    """Catch what would be served instead of listening."""
    calls = []
    monkeypatch.setattr(_serve, "_listen", lambda *what: calls.append(what))
    return calls


def test_without_a_reserve_one_is_made_with_a_password_shown_once(
    heard, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["serve"]) == 0
    told = capsys.readouterr().out
    assert "Sign in as admin with this password, shown only now" in told
    folder = tmp_path / "oreserve-reserve"
    assert (folder / "reserve.db").is_file()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert main(["serve", "--port", "9"]) == 0
    again = capsys.readouterr().out
    assert "password" not in again
    assert [call[1:] for call in heard] == [("127.0.0.1", 8765), ("127.0.0.1", 9)]


def test_a_reserve_that_is_not_there_is_said(heard, tmp_path, capsys):
    assert main(["serve", "--reserve", str(tmp_path / "no.db")]) == 1
    assert "no.db" in capsys.readouterr().err
    assert main(["serve", "--demo", "--reserve", "x.db"]) == 1
    assert heard == []


def test_an_open_address_without_https_is_warned_of(
    heard, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(["serve", "--host", "0.0.0.0"]) == 0  # noqa: S104  # nothing listens
    assert "without https" in capsys.readouterr().err


def test_a_missing_extra_is_named_with_the_way_to_get_it(monkeypatch, capsys):
    for name in [n for n in sys.modules if n.startswith("oreserve.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "fastapi", None)
    assert main(["serve"]) == 1
    assert "pip install 'oreserve[server]'" in capsys.readouterr().err


def test_the_help_needs_no_server(monkeypatch, capsys):
    for name in ("fastapi", "sqlalchemy", "uvicorn"):
        monkeypatch.setitem(sys.modules, name, None)
    assert main(["serve", "--help"]) == 0
    assert "--demo" in capsys.readouterr().out
