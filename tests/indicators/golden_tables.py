# SPDX-License-Identifier: Apache-2.0
"""Tables of published numbers: those of the repository, and the shared ones."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
OWN = ROOT / "tests" / "golden"
SHARED = Path(os.environ.get("ORESERVE_SHARED", ROOT.parent / "shared")) / "golden"


def read(path: Path) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def own(name: str) -> list[dict[str, str]]:
    return read(OWN / name)


def shared(name: str) -> list[dict[str, str]]:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not here: set ORESERVE_SHARED to the shared folder")
    return read(path)


def number(text: str) -> float | None:
    return float(text) if text else None
