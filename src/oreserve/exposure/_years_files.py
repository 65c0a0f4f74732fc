# SPDX-License-Identifier: Apache-2.0
"""Read a folder of published files into the tables of `trade_history`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "HistoryData",
    "read_history_files",
    "read_history_governance",
    "read_history_trade",
]

GOODS = "goods.csv"  # beside the published files: own goods, codes, content shares
GOOD_COLUMNS = ("good", "mineral", "stage", "basis", "hs_codes")
OWN_WEIGHT = frozenset({"gross", "metal", "oxide"})  # production in trade's own weight
FARTHEST = 5.0
GOVERNANCE = {
    "year": pl.Int64, "country": pl.String, "political_stability": pl.Float64,
    "governance": pl.Float64, "vintage": pl.String,
}  # fmt: skip
RESCALED = 2023  # the update of 2025 rescaled the estimates; its first year
PUBLISHERS = ("bgs", "usgs-world", "usgs-mcs", "wmd")
LAYOUT = (
    "a folder with yearly files of BACI (CSV, gzip or Parquet), the World Bank's "
    "governance indicators and production (BGS, USGS) as published"
)


@dataclass(frozen=True)
class HistoryData:
    """What a folder holds, as `trade_history` takes it.

    Parameters
    ----------
    trade
        year, hs6, exporter, importer, kusd (thousand USD), t.
    governance
        year, country, political_stability, governance, vintage.
    production
        good, year, country, t, source.
    goods
        good, mineral, stage, basis of production, hs_codes, content_share (null:
        trade weight and production basis differ and no share is stated).
    unused
        Files that no importer reads.
    """

    trade: pl.DataFrame
    governance: pl.DataFrame
    production: pl.DataFrame
    goods: pl.DataFrame
    unused: tuple[str, ...]


def read_history_files(
    folder: str | Path, *, years: Sequence[int] | None = None
) -> HistoryData:
    """Read what a folder holds of trade, governance and production.

    Every file is tried against the importers; what none reads is named in `unused`.

    Raises
    ------
    InputError
        If there is no trade or no production in it, or two files hold one year.
    """
    from oreserve.importers import fitting

    place = Path(folder)
    if not place.is_dir():
        message = f"{folder} is no folder; give {LAYOUT}"
        raise InputError(message)
    sorts: dict[str, list[Path]] = {}
    for file in sorted(p for p in place.rglob("*") if p.is_file()):
        kind = "baci" if _is_trade_parquet(file) else None
        if kind is None and file.name != GOODS and file.suffix != ".parquet":
            kind = fitting(file)
        sorts.setdefault(kind or "", []).append(file)
    made = [name for name in PUBLISHERS if name in sorts]
    lacking = [what for what, there in (
        ("trade (BACI)", "baci" in sorts), ("production (BGS, USGS)", bool(made)),
    ) if not there]  # fmt: skip
    if lacking:
        message = f"{folder} holds no {' and no '.join(lacking)}; give {LAYOUT}"
        raise InputError(message)
    facts = _facts({name: sorts[name] for name in made}, years)
    goods = _goods(place / GOODS, facts)
    codes = sorted({c for text in goods["hs_codes"].drop_nulls()
                    for c in text.split(";") if c})  # fmt: skip
    kept = {"baci", "wgi", *made}
    return HistoryData(
        trade=read_history_trade(sorts["baci"], years=years, codes=codes),
        governance=read_history_governance(sorts.get("wgi", []), years=years),
        production=_production(facts, goods),
        goods=goods,
        unused=tuple(
            str(f.relative_to(place))
            for kind, files in sorted(sorts.items())
            for f in files
            if kind not in kept and f.name != GOODS
        ),
    )


def _is_trade_parquet(file: Path) -> bool:
    if file.suffix != ".parquet":
        return False
    try:
        names = set(pl.read_parquet_schema(file))
    except (pl.exceptions.PolarsError, OSError):
        return False
    return {"t", "i", "j", "k", "v", "q"} <= names


def read_history_trade(
    files: Sequence[Path],
    *,
    years: Sequence[int] | None = None,
    codes: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Read BACI files of one or several years, streamed.

    Parameters
    ----------
    files
        CSV (also gzip) or Parquet with the columns t, i, j, k, v, q.
    years, codes
        Only these years and HS codes; all by default.

    Returns
    -------
    DataFrame
        year, hs6, exporter, importer (ISO codes; `M49-n` where a number has none),
        kusd (thousand USD), t (tonnes). Flows without tonnes are left out.

    Raises
    ------
    InputError
        If two files hold flows of one year: they would be counted twice.
    """
    from oreserve.importers.baci import scan_baci

    seen: dict[int, Path] = {}
    frames = []
    for file in files:
        lazy = scan_baci([file])
        if years is not None:
            lazy = lazy.filter(pl.col("year").is_in(list(years)))
        if codes is not None:
            lazy = lazy.filter(pl.col("hs6").is_in(list(codes)))
        frame = lazy.filter(pl.col("t").is_not_null()).collect(engine="streaming")
        for year in frame["year"].unique().sort().to_list():
            if year in seen:
                message = (
                    f"{file} and {seen[year]} both hold trade of {year}: it would "
                    "count twice; leave one of them out"
                )
                raise InputError(message)
            seen[year] = file
        frames.append(frame)
    found = pl.concat(frames) if frames else pl.DataFrame()
    numbers = pl.concat([found["exporter"], found["importer"]]).unique().to_list()
    names = {n: _code_of(n) for n in numbers}
    return found.with_columns(
        pl.col("exporter", "importer").replace_strict(names, return_dtype=pl.String)
    ).select("year", "hs6", "exporter", "importer", "kusd", "t")


def _code_of(number: int) -> str:
    from oreserve.importers import place

    return place(str(number)).code or f"M49-{number}"


def read_history_governance(
    files: Sequence[Path], *, years: Sequence[int] | None = None
) -> pl.DataFrame:
    """Read World Bank governance estimates of all years of a file.

    Parameters
    ----------
    files
        Long CSV (code, year, estimate, perhaps indicator) or the workbook, of one
        update.
    years
        Only these.

    Returns
    -------
    DataFrame
        year, country, political_stability, governance (mean of six; null with fewer),
        vintage. Estimates from 2023 on are those of the update of 2025, on another
        scale.
    """
    books = [f for f in files if f.suffix.lower().startswith(".xls")]
    if books and len(books) < len(files):
        message = (
            f"{books[0]} and {next(f for f in files if f not in books)}: two updates "
            "of the governance indicators are on two scales; leave one of them out"
        )
        raise InputError(message)
    frames = [pl.DataFrame(schema=GOVERNANCE)]
    if books:
        frames += _of_workbooks(books, years)
    elif files:
        frames.append(_of_long_files(files, years))
    return pl.concat(frames).sort("year", "country")


def _of_workbooks(
    books: Sequence[Path], years: Sequence[int] | None
) -> list[pl.DataFrame]:
    from oreserve.importers import Options, importer

    frames = []
    for year in range(1996, RESCALED) if years is None else sorted(set(years)):
        try:
            found = importer("wgi").read(list(books), Options(year=year))
        except InputError as error:
            if "has no figures of" in str(error):  # no round in that year
                continue
            raise
        frames.append(
            found.tables["countries"].select(
                year=pl.lit(year, pl.Int64), country="country",
                political_stability="political_stability_score",
                governance="governance",
                vintage=pl.lit(str(found.sources["source_id"][0])),
            )
        )  # fmt: skip
    return frames


def _of_long_files(files: Sequence[Path], years: Sequence[int] | None) -> pl.DataFrame:
    """Read all years at once; the importer would read a file once a year."""
    from oreserve.importers import place
    from oreserve.importers.wgi import DIMENSIONS

    frames = []
    for file in files:
        lazy = pl.scan_csv(file, infer_schema=False, null_values=["#N/A", "NA", ""])
        named = {c: c.lower() for c in lazy.collect_schema().names()}
        frame = lazy.rename(named).collect()
        if "indicator" not in frame.columns:
            frame = frame.with_columns(indicator=pl.lit(file.stem.lower()))
        frames.append(frame.select(
            pl.col("year").cast(pl.Int64), "code", "indicator",
            pl.col("estimate").cast(pl.Float64),
        ))  # fmt: skip
    known = pl.concat(frames).drop_nulls()
    if years is not None:
        known = known.filter(pl.col("year").is_in(list(years)))
    far = known.filter(pl.col("estimate").abs() > FARTHEST)
    if far.height:
        message = (
            f"{files[0]}: {far['estimate'][0]:g} is no governance estimate; allowed is "
            f"-{FARTHEST:g} to {FARTHEST:g} (ranks, 0 to 100, are another column)"
        )
        raise InputError(message)
    words = {w: re.sub(r"[^a-z]", "", w.lower()) for w in known["indicator"].unique()}
    columns = {
        w: next((c for k, c in DIMENSIONS.items() if t == k or (len(k) > 2 and k in t)),
                "political_stability_score" if "politicalstability" in t else None)
        for w, t in words.items()
    }  # fmt: skip
    codes = {c: place(c).code or c for c in known["code"].unique()}
    wide = (
        known.with_columns(
            pl.col("indicator").replace_strict(columns, return_dtype=pl.String),
            country=pl.col("code").replace_strict(codes, return_dtype=pl.String),
        )
        .drop_nulls("indicator")
        .pivot("indicator", index=["year", "country"], values="estimate",
               aggregate_function="first")
    )  # fmt: skip
    whole = sorted(set(DIMENSIONS.values()))
    six = pl.mean_horizontal(whole) if set(whole) <= set(wide.columns) else None
    if six is not None:
        six = pl.when(pl.all_horizontal(pl.col(whole).is_not_null())).then(six)
    if "political_stability_score" not in wide.columns:
        wide = wide.with_columns(political_stability_score=pl.lit(None, pl.Float64))
    return wide.select(
        "year",
        "country",
        political_stability="political_stability_score",
        governance=pl.lit(None, pl.Float64) if six is None else six,
        vintage=pl.when(pl.col("year") >= RESCALED)
        .then(pl.lit("update of 2025"))
        .otherwise(pl.lit("update of 2023 or before")),
    )


def _facts(sorts: dict[str, list[Path]], years: Sequence[int] | None) -> pl.DataFrame:
    """Return published production: source, mineral, stage, basis, country, year, t."""
    from oreserve.importers import Options, importer

    frames = []
    for name, files in sorted(sorts.items()):
        groups = [files] if name == "bgs" else [[f] for f in files]
        for group in groups:
            flags = importer(name).read(group, Options()).flags
            frames.append(
                flags.filter(
                    pl.col("statistic") == "production",
                    pl.col("unit") == "t",
                    pl.col("kind") != "world",
                    pl.col("flag") != "suspect",
                ).select(
                    "mineral", "stage", "basis", "detail",
                    source="source_id", country="code",
                    year=pl.col("date").str.slice(0, 4).cast(pl.Int64), t="value",
                )
            )  # fmt: skip
    found = pl.concat(frames).drop_nulls(["country", "mineral"])
    if years is not None:
        found = found.filter(pl.col("year").is_in(list(years)))
    return found


def _goods(own: Path, facts: pl.DataFrame) -> pl.DataFrame:
    """Return the goods with the basis of their production and the content share.

    Where production is in the weight of the trade the share is 1; else it is what
    `goods.csv` states, or null.
    """
    text = (resources.files("oreserve.exposure") / "history_goods.csv").read_bytes()
    goods = pl.read_csv(text, infer_schema=False).with_columns(
        content_share=pl.lit(None, pl.Float64)
    )
    if own.is_file():
        given = pl.read_csv(own, infer_schema=False)
        missing = [c for c in GOOD_COLUMNS if c not in given.columns]
        if missing:
            message = (
                f"{own}: column {missing[0]!r} is missing; allowed are "
                f"{', '.join((*GOOD_COLUMNS, 'content_share'))}"
            )
            raise InputError(message)
        if "content_share" not in given.columns:
            given = given.with_columns(content_share=pl.lit(None, pl.String))
        given = given.with_columns(pl.col("content_share").cast(pl.Float64)).select(
            goods.columns
        )
        goods = pl.concat(
            [goods.join(given.select("good"), on="good", how="anti"), given]
        )
    # Of several bases the one with most rows, then by name.
    first = (
        facts.group_by("mineral", "stage", "basis")
        .len()
        .sort("len", "basis", descending=[True, False])
        .unique(["mineral", "stage"], keep="first", maintain_order=True)
        .select("mineral", "stage", usual="basis")
    )
    return (
        goods.join(first, on=["mineral", "stage"], how="left")
        .with_columns(basis=pl.coalesce("basis", "usual"))
        .with_columns(
            content_share=pl.when(pl.col("content_share").is_not_null())
            .then("content_share")
            .when(pl.col("basis").is_in(list(OWN_WEIGHT)))
            .then(1.0)
        )
        .drop("usual")
        .sort("good")
    )


def _production(facts: pl.DataFrame, goods: pl.DataFrame) -> pl.DataFrame:
    """Return production of each good; of two publishers the one with more years."""
    found = facts.join(
        goods.select("good", "mineral", "stage", "basis"),
        on=["mineral", "stage", "basis"],
    )
    # A part that is withheld leaves the whole unknown.
    whole = pl.when(pl.col("t").null_count() == 0).then(pl.col("t").sum())
    summed = found.group_by("good", "source", "year", "country").agg(t=whole)
    spans = (
        summed.group_by("good", "source")
        .agg(span=pl.col("year").n_unique())
        .sort("span", "source", descending=[True, False])
    )
    ranked = summed.join(spans, on=["good", "source"]).sort(
        "good", "year", "span", "source", descending=[False, False, True, False]
    )
    best = ranked.unique(["good", "year"], keep="first", maintain_order=True)
    return (
        summed.join(best.select("good", "year", "source"),
                    on=["good", "year", "source"])
        .select("good", "year", "country", "t", "source")
        .sort("good", "year", "country")
    )  # fmt: skip
