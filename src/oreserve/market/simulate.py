# SPDX-License-Identifier: Apache-2.0
"""`simulate`: the market of a study through time, under a shock or without one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from oreserve.market._detail import Solved, run_in_detail, solve_base_year
from oreserve.market._frames import build_frames
from oreserve.market._prepare import Base, prepare
from oreserve.market.outcome import Outcome, versions

if TYPE_CHECKING:
    from pathlib import Path

    from oreserve.market._standing import ReleaseRule
    from oreserve.study import Shock, Study
    from oreserve.study.scenario import Effect, Scenario

__all__ = ["simulate"]

Progress = Callable[[str, float, float | None], None]


def simulate(
    study: Study,
    *,
    shock: Shock | str | Path | Mapping[str, Any] | None = None,
    periods: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    base: Base | None = None,
    release: bool = True,
    policy: ReleaseRule | None = None,
) -> Outcome:
    """Run the market of a whole study and say who goes short, and what it costs.

    Parameters
    ----------
    study
        From `load_study`.
    shock
        A bundled name, a file, its content, or what `load_shock` returned. Without
        a shock and without `periods` the base year runs, free of any effect that is
        not in its data already.
    periods
        How many periods from `first_year` on; default: the horizon.
    seed
        Recorded in the result; a simulation of given effects draws nothing.
    progress
        Called with (stage, done, total).
    base
        From `prepare`; made here if not given.
    release
        Whether the reserve may release.
    policy
        What decides on releases of the items that it covers, for example from
        `oreserve.planning.load_operating_policy`; None: the linear rule.

    Returns
    -------
    Outcome
        Frames of prices, shortages, activity, flows and stocks.

    Raises
    ------
    InputError
        If the shock names what the study does not have, or a number that the market
        needs is missing.

    Notes
    -----
    Myopic: a period knows the past and the present. The reserve spreads its stock
    over the periods that the effects on an item still have to run by their dates.

    Examples
    --------
    >>> from oreserve.study import load_study
    >>> outcome = simulate(load_study("tiny"))
    >>> outcome.periods
    ('2024-01',)
    """
    ready = base or prepare(study, progress=progress)
    notes: list[str] = list(ready.warnings)
    if shock is None and periods is None:
        solved = solve_base_year(ready)
        return _outcome(
            ready, solved, seed=seed, shock=None, status="solved", notes=notes
        )
    effects, name, warnings = _effects(shock, study)
    notes += warnings
    scenario, status = _scenario(study, effects, periods, notes)
    solved = run_in_detail(
        ready,
        scenario,
        effects,
        periods=periods,
        release=release,
        progress=progress,
        policy=policy,
    )
    touched = {e.label for one in solved for e in one.shock_touching}
    labels = dict.fromkeys(e.label for e in effects)
    idle = [label for label in labels if label not in touched]
    if effects and len(idle) == len(labels) and status == "solved":
        status = "shock touches nothing"
    notes += [
        f"{label} touches nothing in the periods that ran"
        for label in idle
        if not any(note.startswith(label) for note in notes)
    ]
    return _outcome(ready, solved, seed=seed, shock=name, status=status, notes=notes)


def _effects(
    shock: Shock | str | Path | Mapping[str, Any] | None, study: Study
) -> tuple[tuple[Effect, ...], str | None, tuple[str, ...]]:
    from oreserve.study import Shock, load_shock

    if shock is None:
        return (), None, ()
    loaded = shock if isinstance(shock, Shock) else load_shock(shock, study)
    return loaded.effects, loaded.name, tuple(loaded.warnings)


def _scenario(
    study: Study,
    effects: tuple[Effect, ...],
    periods: int | None,
    notes: list[str],
) -> tuple[Scenario, str]:
    """Return the shock as a scenario: its effects in each period, release shares."""
    from oreserve.study.scenario import Scenario

    starts = study.period_starts(periods)
    horizon = study.period_starts()
    step = (horizon[1] - horizon[0]).days if len(horizon) > 1 else 366
    ends = [*starts[1:], date.fromordinal(starts[-1].toordinal() + step)]
    status = "solved"
    if effects and not any(e.share_in(starts[0], ends[-1]) > 0.0 for e in effects):
        status = "shock outside the horizon"
        notes.append(
            f"the shock lies outside {starts[0]:%Y-%m} to {ends[-1]:%Y-%m}: "
            "no effect is in force in any period"
        )
    scenario = Scenario(
        number=0,
        effects=tuple(
            tuple(e for e in effects if e.share_in(start, end) > 0.0)
            for start, end in zip(starts, ends, strict=True)
        ),
        release_share=(1.0,) * len(starts),
    )
    return scenario, status


def _outcome(
    base: Base,
    solved: tuple[Solved, ...],
    *,
    seed: int,
    shock: str | None,
    status: str,
    notes: list[str],
) -> Outcome:
    study = base.study
    frames, home_loss, premium, more = build_frames(base, solved)
    return Outcome(
        status=status,
        welfare_usd=sum(one.welfare_usd for one in solved),
        home_loss_usd=home_loss,
        import_premium_usd=premium,
        seed=seed,
        study=study.name,
        study_hash=study.hash,
        home=study.settings.home,
        home_countries=study.home_countries,
        shock=shock,
        periods=tuple(dict.fromkeys(one.period for one in solved)),
        versions=versions(),
        warnings=tuple(dict.fromkeys([*notes, *more])),
        **frames,
    )
