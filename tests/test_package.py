# SPDX-License-Identifier: Apache-2.0
"""What is shipped: the wheel, the pins, the licence lines."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> list[str]:
    """Names in a wheel that is built here, without the network."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    with zipfile.ZipFile(next(out.glob("*.whl"))) as archive:
        return archive.namelist()


@pytest.mark.parametrize(
    "name",
    [
        "oreserve/py.typed",
        "oreserve/tables/columns.csv",
        "oreserve/tables/countries.csv",
        "oreserve/report/report.html.j2",
        "oreserve/report/report.css",
        "oreserve/report/regions.csv",
        "oreserve/studies/tiny/datapackage.json",
        "oreserve/studies/tiny/README.md",
        "oreserve/studies/us-2026/datapackage.json",
        "oreserve/studies/us-2026/README.md",
        "oreserve/studies/us-2026/plants.csv",
    ],
)
def test_wheel_holds_what_a_user_needs(wheel, name):
    assert name in wheel


def test_wheel_holds_the_shocks_and_no_builder(wheel):
    assert any(re.fullmatch(r"oreserve/studies/shocks/[\w-]+\.yaml", n) for n in wheel)
    assert not [n for n in wheel if n.startswith(("studies/", "tests/"))]


def test_pins_name_no_index_and_no_path():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[\w.+]+", pin) for pin in pins)


def test_every_library_of_the_project_is_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[>=<\[]", want)[0].lower() for want in wanted}
    text = (ROOT / "constraints.txt").read_text().lower()
    pins = {line.split("==")[0].replace("_", "-") for line in text.splitlines()}
    assert {name.replace("_", "-") for name in names} <= pins


def test_every_module_says_its_licence():
    modules = [p for d in ("src", "tests", "examples", "docs", "benchmarks", "studies")
               for p in (ROOT / d).rglob("*.py")]  # fmt: skip
    line = "# SPDX-License-Identifier: Apache-2.0"
    without = [str(p) for p in modules if not p.read_text().startswith(line)]
    assert without == []
