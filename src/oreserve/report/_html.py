# SPDX-License-Identifier: Apache-2.0
"""Lay the report out: one HTML file that opens offline and prints well."""

from __future__ import annotations

import os
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from oreserve.errors import InputError
from oreserve.report import _decision, _minerals, _sections
from oreserve.report import _format as fmt
from oreserve.report._folder import ResultFolder, read_result
from oreserve.report._tables import csv_link, evidence_mark, source_link

if TYPE_CHECKING:
    from oreserve.planning import Plan
    from oreserve.study import Study

__all__ = ["fill_template", "render_report", "write_page", "write_report"]

CARRIED = (
    "reserve", "agreements", "projects", "coverage", "marginal_value", "frontier",
    "programmes", "sensitivity", "requirements", "build_up", "partners", "shocks",
    "verification", "worst_scenarios", "chain", "reconciliation", "assumptions",
    "sources", "states", "draws",
)  # fmt: skip


def write_report(
    result: Plan | Path | str, path: Path | str, *, study: Study | None = None
) -> None:
    """Write the report of a plan as one HTML file without any script.

    Parameters
    ----------
    result
        A plan, or the folder that it was saved to.
    path
        File to write; appears whole or not at all.
    study
        The study that was planned for. With it the tables that the report draws
        from the study (`chain`, `partners`, `sources`, `assumptions`) are written
        into the folder. Without it they are read from the folder, or made from the
        bundled study that the plan names, if its contents are still the same.

    Raises
    ------
    InputError
        If the folder holds no plan or is not whole.
    """
    if not isinstance(result, Path | str):
        with tempfile.TemporaryDirectory(prefix="oreserve-") as scratch:
            result.save(Path(scratch))
            write_report(Path(scratch), path, study=study)
        return
    folder = Path(result)
    if not (folder / "plan.json").is_file():
        message = f"{folder} holds no plan.json; give a folder that plan wrote"
        raise InputError(message)
    if not (folder / "chain.csv").is_file():
        _add_study_tables(folder, study)
    write_page(render_report(read_result(folder)), Path(path))


def write_page(page: str, target: Path) -> None:
    """Write a page; it appears whole or not at all."""
    handle, scratch_file = tempfile.mkstemp(suffix=".html", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        Path(scratch_file).chmod(0o644)
        Path(scratch_file).replace(target)
    except BaseException:
        Path(scratch_file).unlink(missing_ok=True)
        raise


def _add_study_tables(folder: Path, study: Study | None) -> None:
    from oreserve.report._study_tables import write_study_tables
    from oreserve.study import load_study

    if study is None:
        head = read_result(folder).figures
        try:
            study = load_study(str(head.get("study")), home=head.get("home"))
        except InputError:
            return  # a private study that is not here: the page says what is missing
        if study.hash != head.get("study_hash"):
            return
    write_study_tables(study, folder)


def render_report(result: ResultFolder) -> str:
    """Return the page of a plan's folder."""
    return fill_template("report.html.j2", _context(result))


def fill_template(name: str, context: dict[str, Any]) -> str:
    """Fill a template of this package; a name without a value is an error."""
    package = files("oreserve.report")
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(
            lambda file: (package / file).read_text(encoding="utf-8")
        ),
    )
    environment.globals["svg"] = Markup
    environment.filters["evidence"] = evidence_mark
    environment.filters["sources"] = source_link
    style = (package / "report.css").read_text(encoding="utf-8")
    template = environment.get_template(name)
    return template.render(style=Markup(style), **context)  # noqa: S704  # our file


def _context(result: ResultFolder) -> dict[str, Any]:
    figures = result.figures
    home = str(figures.get("home", "?"))
    home_countries = frozenset(figures.get("home_countries") or [home])
    partner_rows = result.rows("partners", "country")
    partners = frozenset(str(r["country"]) for r in partner_rows) - home_countries
    return {
        "home": fmt.country_name(home),
        "budget": fmt.money(result.figure("budget_usd")),
        "as_of": fmt.date_text(str(figures.get("as_of", ""))),
        "study_title": figures.get("study_title") or figures.get("study") or "",
        "decision": _decision.decision(result),
        "programmes": _sections.programmes(result),
        "frontier": _sections.frontier(result),
        "build_up": _sections.build_up(result),
        "requirements": _sections.requirements(result),
        "partners": _sections.partners(result),
        "sensitivity": _sections.sensitivity(result),
        "shocks": _sections.shocks(result),
        "worst": _sections.worst_scenarios(result),
        "verification": _sections.verification(result),
        "reconciliation": _sections.reconciliation(result),
        "assumptions": _sections.assumptions(result),
        "sources": _sections.sources(result),
        "minerals": _minerals.mineral_sections(
            result, partners=partners, home=home_countries
        ),
        "links": {
            name: csv_link(result.tables[name], name)
            for name in CARRIED
            if name in result.tables
        },
    }
