# SPDX-License-Identifier: Apache-2.0
"""Command line of the study builder."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

from studies.build import MODULES, Raw, Tables
from studies.build.package import PACKAGE, readme
from studies.build.sources import KEPT


def build(raw: Raw) -> Tables:
    """Run every module in order and return the finished tables."""
    tables = Tables()
    for name in MODULES:
        path = f"studies.build.{name}"
        if importlib.util.find_spec(path) is None:
            sys.stderr.write(f"{path} is not there yet: left out\n")
            continue
        importlib.import_module(path).add(tables, raw)
    tables.drop_unused_sources(keep=KEPT)
    return tables


def main(arguments: list[str] | None = None) -> int:
    """Build the study and write it to a folder."""
    parser = argparse.ArgumentParser(prog="python -m studies.build")
    parser.add_argument("--raw", type=Path, default=Path("../shared/data/raw"))
    parser.add_argument("--facts", type=Path, default=Path("../shared/facts"))
    parser.add_argument(
        "--out", type=Path, default=Path("src/oreserve/studies/us-2026")
    )
    chosen = parser.parse_args(arguments)
    tables = build(Raw(chosen.raw, chosen.facts))
    tables.write(chosen.out, package=PACKAGE, readme=readme(tables))
    for table in sorted(tables.specs):
        counts = tables.counts(table) if table not in {"settings", "sources"} else {}
        if sum(counts.values()):
            sys.stdout.write(f"{table:18} {sum(counts.values()):6} {counts}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
