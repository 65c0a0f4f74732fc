# SPDX-License-Identifier: Apache-2.0
"""The option `--reserve` of a plan: start from the stock that is really there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pathlib import Path

    from oreserve.reserve._opening import Opening
    from oreserve.study import Study

__all__ = ["OpeningOption", "opening_of", "record_opening"]

OpeningOption = Annotated[
    str | None,
    typer.Option(
        "--reserve",
        help="An operated reserve: its lots and outstanding deliveries take the place "
        "of the strategic and industrial stocks that the study has for home.",
        metavar="FILE|URL",
    ),
]


def opening_of(study: Study, where: str) -> Opening:
    """Return the study with the stock of a reserve; the reserve is only read."""
    from oreserve import reserve
    from oreserve.reserve._opening import open_study

    with reserve.open(where) as store:
        return open_study(study, store)


def record_opening(folder: Path, opening: Opening) -> None:
    """Write into plan.json which state of which reserve the plan started from."""
    path = folder / "plan.json"
    figures = json.loads(path.read_text(encoding="utf-8"))
    figures["opening"] = opening.as_dict()
    text = json.dumps(figures, indent=1)  # as the plan itself is written
    path.write_text(text + "\n", encoding="utf-8")
