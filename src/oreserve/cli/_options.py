# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and the reading of money."""

from __future__ import annotations

import math
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from oreserve.errors import InputError

__all__ = [
    "Executor",
    "ExecutorOption",
    "HomeOption",
    "JsonOption",
    "OutOption",
    "SeedOption",
    "Step",
    "StudyArgument",
    "WorkersOption",
    "out_path",
    "parse_budget",
    "read_executor",
    "read_step",
]

Kind = TypeVar("Kind", bound=StrEnum)

StudyArgument = Annotated[
    str,
    typer.Argument(
        help="A bundled study, a folder or a datapackage.json.", metavar="STUDY"
    ),
]
HomeOption = Annotated[
    str | None,
    typer.Option(
        help="The country or bloc that is kept supplied: a name, ISO code or number "
        "of a country (Japan, JPN, JP, 392), or a bloc of the study (EU).",
        metavar="HOME",
    ),
]


def out_path(text: str) -> Path:
    """Read a path to write to; an empty one is not the current folder."""
    if not str(text).strip():
        message = "is empty; name a folder or file to write"
        raise typer.BadParameter(message)
    return Path(text)


OutOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder for the result; it appears whole or not at all. Only an earlier "
        "result of the same command and study is replaced.",
        metavar="FOLDER",
        parser=out_path,
    ),
]


class Step(StrEnum):
    """Length of a period, as --step takes it."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @property
    def years(self) -> float:
        """Length in years."""
        return {"month": 1.0 / 12.0, "quarter": 0.25, "year": 1.0}[self.value]


class Executor(StrEnum):
    """Where simulations run, as --executor takes it."""

    SERIAL = "serial"
    THREADS = "threads"
    PROCESSES = "processes"
    RAY = "ray"


def read_executor(text: str) -> Executor:
    """Read the name of an executor; of a wrong one the nearest is said.

    Examples
    --------
    >>> read_executor("threads")
    <Executor.THREADS: 'threads'>
    """
    return _one_of(Executor, text)


def read_step(text: str) -> Step:
    """Read the length of a period."""
    return _one_of(Step, text)


def _one_of(kind: type[Kind], text: str) -> Kind:
    """Return the member of a name, or refuse it with the nearest one."""
    names = [str(member) for member in kind]
    if text in names:
        return kind(text)
    from oreserve.tables import nearest

    near = nearest(text, names)
    message = f"{text!r} is not one of {', '.join(names)}"
    raise typer.BadParameter(message + (f"; did you mean {near!r}?" if near else ""))


ExecutorOption = Annotated[
    Executor | None,
    typer.Option(
        help="Where markets are simulated; the result does not depend on it. Without "
        "it small runs stay in this program and large ones start processes. ray: the "
        "cluster that RAY_ADDRESS names, or one of this machine.",
        metavar="serial|threads|processes|ray",
        parser=read_executor,
    ),
]
WorkersOption = Annotated[
    int,
    typer.Option(
        help="Simulations side by side; the result does not depend on it.", min=1
    ),
]

SeedOption = Annotated[int, typer.Option(help="Seed of every draw.", min=0)]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of text.")
]

_SUFFIXES = {
    "k": 3, "thousand": 3, "m": 6, "mn": 6, "mio": 6, "million": 6, "b": 9, "bn": 9,
    "billion": 9, "t": 12, "tn": 12, "trillion": 12,
}  # fmt: skip


def parse_budget(text: str) -> float:
    """Read a budget in USD: a plain number of at least 0.

    `12e9` and `12000000000` are numbers; `12bn` is refused because readers of
    different countries read its letters differently, and the message says how
    to write it.

    Examples
    --------
    >>> parse_budget("12e9")
    12000000000.0
    """
    allowed = "a number of USD of at least 0, such as 12e9 or 12000000000"
    plain = text.strip().replace("_", "")
    try:
        value = float(plain)
    except ValueError:
        message = f"--budget {text!r} is not {allowed}{_nearest_amount(plain)}"
        raise InputError(message) from None
    if not math.isfinite(value) or value < 0 or value > 1e15:
        limit = " and at most 1e15" if value > 0 else ""
        message = f"--budget {text} is refused: allowed is {allowed}{limit}"
        raise InputError(message)
    return value + 0.0  # -0.0 reads as 0.0


def _nearest_amount(text: str) -> str:
    """Guess what `12bn` or `12 000` meant, for the message only."""
    match = re.fullmatch(r"[$€£]?\s*([\d.,'\s]+)\s*([a-zA-Z]*)\W*", text)
    if match is None:
        return ""
    digits = re.sub(r"[,'\s]", "", match[1])
    power = _SUFFIXES.get(match[2].lower(), 0 if not match[2] else None)
    if power is None or digits.count(".") > 1 or not digits.strip("."):
        return ""
    number = f"{float(digits):g}"
    return f"; did you mean {number}e{power}?" if power else f"; did you mean {number}?"
