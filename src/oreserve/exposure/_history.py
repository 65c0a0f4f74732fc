# SPDX-License-Identifier: Apache-2.0
"""Several years from a folder of published files, for every country and home."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from oreserve.errors import InputError
from oreserve.exposure._home import choose_minerals, home_code
from oreserve.exposure._years import trade_history
from oreserve.exposure._years_files import read_history_files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.study import Study

__all__ = ["history", "write_history", "years_of"]


def years_of(text: str | None) -> tuple[int, ...] | None:
    """Return the years that a text such as `2015-2024` or `2020` names.

    Raises
    ------
    InputError
        If it is neither a year nor a span, or runs backwards.

    Examples
    --------
    >>> years_of("2019-2021")
    (2019, 2020, 2021)
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d{4})(?:-(\d{4}))?", text.strip())
    first, last = (int(y or found[1]) for y in found.groups()) if found else (0, 0)
    if not 1900 <= first <= last <= 2200:
        message = f"--years {text}: write FIRST-LAST or one year, such as 2015-2024"
        raise InputError(message)
    return tuple(range(first, last + 1))


def history(
    study: Study,
    folder: str | Path,
    *,
    home: str | None = None,
    minerals: Sequence[str] | None = None,
    years: Sequence[int] | None = None,
) -> pl.DataFrame:
    """Return `trade_history` of a folder of published files, for every country.

    Parameters
    ----------
    study
        Names blocs and minerals; its own figures are not used.
    folder
        Yearly BACI files, governance indicators and production as published, and
        optionally `goods.csv` (good, mineral, stage, basis, hs_codes, content_share)
        that replaces or adds to the bundled goods.
    home
        Country or bloc that gets rows of its own; a bloc is summed over its members.
    minerals
        Only goods of these; an unknown name drops no other.
    years
        Only these; by default those of the trade.

    Returns
    -------
    DataFrame
        good, mineral, stage, country (home among them), year and the
        columns of `trade_history`, production_source,
        governance_vintage; sorted by good, country, year.

    Raises
    ------
    InputError
        If the folder holds no trade or no production, or two files tell of one year.

    Examples
    --------
    >>> from oreserve.study import load_study
    >>> history(load_study("tiny"), "no-such-folder")
    Traceback (most recent call last):
    oreserve.errors.InputError: no-such-folder is no folder; give ...
    """
    data = read_history_files(folder, years=years)
    code = home_code(study, home)
    if years is None:
        years = sorted(data.trade["year"].unique().to_list())
    goods = data.goods
    if minerals:
        wanted = choose_minerals(study, minerals).minerals
        goods = goods.filter(pl.col("mineral").is_in(list(wanted)))
    countries: dict[str, tuple[str, ...]] = {
        c: (c,)
        for frame, name in (
            (data.trade, "exporter"), (data.trade, "importer"),
            (data.production, "country"),
        )
        for c in frame[name].unique().to_list()
    }  # fmt: skip
    countries[code] = tuple(study.members(code))
    rows = goods.iter_rows(named=True)
    codes = {r["good"]: (r["hs_codes"] or "").split(";") for r in rows}
    found = trade_history(
        data.trade, data.governance, data.production,
        goods={g: [c for c in names if c] for g, names in codes.items()},
        countries=countries, years=years,
        content=dict(goods.select("good", "content_share").iter_rows()),
    )  # fmt: skip
    vintages = data.governance.group_by("year").agg(
        governance_vintage=pl.col("vintage").unique().sort().str.join("; ")
    )
    made = data.production.group_by("good", "year").agg(
        production_source=pl.col("source").first()
    )
    return (
        found.join(goods.select("good", "mineral", "stage"), on="good", how="left")
        .join(vintages.with_columns(pl.col("year").cast(found["year"].dtype)),
              on="year", how="left")
        .join(made, on=["good", "year"], how="left")
        .select("good", "mineral", "stage", *found.columns[1:], "production_source",
                "governance_vintage")
        .sort("good", "country", "year")
    )  # fmt: skip


def write_history(
    study: Study,
    folder: str | Path,
    out: Path,
    *,
    home: str | None = None,
    minerals: Sequence[str] | None = None,
    years: str | None = None,
) -> Path:
    """Write `history` as `history.csv` into a result folder.

    Parameters
    ----------
    study, folder, home, minerals
        As in `history`.
    out
        Folder to write into.
    years
        `2015-2024` or one year; all by default.
    """
    found = history(study, folder, home=home, minerals=minerals, years=years_of(years))
    target = out / "history.csv"
    found.write_csv(target)
    return target
