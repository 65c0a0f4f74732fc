# SPDX-License-Identifier: Apache-2.0
"""UN Comtrade+ CSV, with the renamed and shifted headers that exports have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oreserve.importers._countries import place
from oreserve.importers._files import head_cells, open_csv, refuse
from oreserve.importers._fit import base_year
from oreserve.importers._gather import Gathered
from oreserve.importers._model import Imported, Options
from oreserve.importers._sources import Source, source_frame
from oreserve.importers._trade import Flow, lane_tables
from oreserve.tables import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from oreserve.importers._files import Rows

__all__ = ["IMPORTER"]

# Names that different exports give to the same column, ours first.
NAMES = {
    "year": ("refYear", "period", "Year"),
    "reporter": ("reporterISO", "Country", "reporterCode", "CountryCode"),
    "partner": ("partnerISO", "partnerCode"),
    "flow": ("flowCode", "flowDesc"),
    "code": ("cmdCode",),
    "kg": ("netWgt",),
    "usd": ("primaryValue",),
}
OPTIONAL = {
    "reporter_code": ("reporterCode", "CountryCode"),
    "partner_code": ("partnerCode",),
    "estimated": ("isNetWgtEstimated", "isNetWgtEstimate"),
    "second": ("partner2Code",),
    "customs": ("customsCode",),
    "transport": ("motCode",),
    "quantity": ("qty",),
    "quantity_unit": ("qtyUnitAbbr", "qtyUnitCode"),
}


@dataclass(frozen=True)
class Comtrade:
    """Imports as the importer reports them; exports fill pairs nobody else reports."""

    name: str = "comtrade"
    title: str = "UN Comtrade+ CSV (annual, HS6)"

    def sniff(self, path: Path) -> bool:
        """Tell by the header."""
        head = head_cells(path, lines=1)
        return bool(head) and {"cmdCode", "flowCode", "primaryValue"} <= set(head[0])

    def read(self, paths: Sequence[Path], options: Options) -> Imported:
        """Read one year; totals of partners, customs and transport are not added."""
        gathered = Gathered(self.name, options.vintage or "Comtrade+", "UN-COMTRADE")
        year = base_year(options)
        imports: dict[tuple[str, str, str], Flow] = {}
        exports: dict[tuple[str, str, str], Flow] = {}
        years: set[str] = set()
        for path in paths:
            for table in open_csv(path):
                columns = _columns(table)
                for row, cells in table.records:
                    gathered.rows_read += 1
                    one = {n: cells[i].strip() for n, i in columns.items()}
                    years.add(one["year"][:4])
                    if year is None or one["year"][:4] == str(year):
                        _row(gathered, table.file, row, one, imports, exports)
        if year is not None and str(year) not in years:
            refuse(
                f"the file has no figures of {year}", file=paths[0], row=1,
                column="refYear", allowed=f"--year {', '.join(sorted(years))}",
            )  # fmt: skip
        for key, flow in exports.items():
            if key not in imports:
                flow.notes.add("reported by the exporter only")
                imports[key] = flow
        flows = [imports[key] for key in sorted(imports)]
        source = Source(
            "UN-COMTRADE", "UN Comtrade database", "United Nations Statistics Division",
            "Comtrade terms: no bulk re-dissemination", "https://comtradeplus.un.org",
        )  # fmt: skip
        return Imported(
            lane_tables(flows, options, gathered, source),
            gathered.flag_frame(),
            gathered.unmapped_frame(),
            source_frame(source),
            gathered.rows_read,
        )


def _columns(table: Rows) -> dict[str, int]:
    """Find each column; a header shifted by one place is set right."""
    shift = _shift(table)
    found: dict[str, int] = {}
    for name, choices in (NAMES | OPTIONAL).items():
        for choice in choices:
            if choice in table.header:
                found[name] = table.header.index(choice) + shift
                break
        else:
            if name in NAMES:
                refuse(
                    f"column {choices[0]!r} is missing",
                    file=table.file,
                    row=table.header_row,
                    column=choices[0],
                    allowed=" or ".join(choices),
                    close=nearest(choices[0], table.header),
                )
    return found


def _shift(table: Rows) -> int:
    """Tell whether values stand one column left of their names.

    Some exports drop the first value (typeCode, always C) and pad the end, so that
    freqCode (A or M) stands under typeCode.
    """
    if "typeCode" not in table.header or "freqCode" not in table.header:
        return 0
    i = table.header.index("typeCode")
    firsts = {cells[i].strip() for _, cells in table.records[:50]}
    return -1 if firsts <= {"A", "M", "Q"} else 0


def _row(
    gathered: Gathered,
    file: str,
    row: int,
    one: dict[str, str],
    imports: dict[tuple[str, str, str], Flow],
    exports: dict[tuple[str, str, str], Flow],
) -> None:
    split = ("second", "customs", "transport")
    if any(one.get(c, "0") not in {"0", "", "C00", "W00"} for c in split):
        return  # a part of a total that stands in another row
    flow_word = one["flow"].upper()
    code = one["code"]
    if len(code) < 6 and code.isdigit() and len(code) % 2 == 1:
        code = f"0{code}"
    if flow_word not in {"M", "X", "IMPORT", "EXPORT"} or len(code) != 6:
        gathered.leave_out(
            "row", f"flow {one['flow']}, code {one['code']}",
            "neither import nor export of an HS6 code", file=file, row=row,
            column="flowCode",
        )  # fmt: skip
        return
    kg = _number(one["kg"], file, row, "netWgt")
    usd = _number(one["usd"], file, row, "primaryValue")
    t = kg / 1000.0 if kg else None  # 0 stands for "not reported" here
    ends = []
    for column in ("reporter", "partner"):
        # Files of the interface without descriptions leave the ISO columns empty.
        text = one[column] or one.get(f"{column}_code", "")
        target = place(text)
        if target.kind == "world":
            return  # the total of all partners
        if not target.fits_study or target.code is None:
            gathered.leave_out(
                "country", text,
                f"historic state {target.code}: never given to a successor"
                if target.kind == "historic" else "no single country",
                file=file, row=row, column=column, close=target.nearest, tonnes=t,
            )  # fmt: skip
            return
        ends.append(target.code)
    incoming = flow_word.startswith(("M", "I"))
    exporter, importer = (ends[1], ends[0]) if incoming else (ends[0], ends[1])
    key = (code, exporter, importer)
    book = imports if incoming else exports
    if key in book:
        refuse(
            f"a second row for {code} from {exporter} to {importer} (HS editions or "
            "classifications mixed?)",
            file=file, row=row, column="cmdCode", allowed="each pair and code once",
        )  # fmt: skip
    flow = Flow(*key, t=t, usd=usd, file=file)
    if one.get("estimated", "").upper() in {"TRUE", "1"}:
        flow.notes.add("net weight estimated by the publisher")
    book[key] = flow


def _number(text: str, file: str, row: int, column: str) -> float | None:
    if not text or text.upper() == "NA":
        return None
    try:
        return float(text)
    except ValueError:
        refuse(
            f"{text!r} is no number", file=file, row=row, column=column,
            allowed="a number or an empty cell",
        )  # fmt: skip


IMPORTER = Comtrade()
