# SPDX-License-Identifier: Apache-2.0
"""Benchmarks by name: what runs, against whom, at which sizes, what to reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BENCHES", "Bench", "Run", "Size"]


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
        Of the module; `{name}` stands for a value of the size, for `{path}` of the
        problem written before, or for `{optimum}` of the bench's reference.
    rival
        Run by the rivals' interpreter.
    most
        Largest size at which it is tried; None: all.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    rival: bool = False
    most: float | None = None

    def command(self, values: Mapping[str, str]) -> list[str]:
        """Return module and arguments for one size."""
        filled = [argument.format(**values) for argument in self.arguments]
        return [self.module, *(word for word in filled if word)]

    def uses(self, name: str) -> bool:
        """Return whether an argument asks for this value."""
        return any("{" + name + "}" in argument for argument in self.arguments)


@dataclass(frozen=True)
class Size:
    """One size of a problem, with what to reach there on two idle cores.

    Parameters
    ----------
    label
        As it is shown and asked for.
    values
        For the arguments of the runs.
    most_seconds, most_mb
        Limits for ours; 0: only shown.
    """

    label: str
    values: dict[str, str] = field(default_factory=dict)
    most_seconds: float = 0.0
    most_mb: float = 0.0

    @property
    def number(self) -> float:
        """Return the label as a number; 0 if it is none."""
        text = self.label.replace(",", "")
        return float(text) if text.replace(".", "").isdigit() else 0.0


@dataclass(frozen=True)
class Bench:
    """A problem with its sizes and runs; the first run is ours.

    Parameters
    ----------
    name, about
        Short name and what is measured.
    runs
        Ours first, then the rivals on the same problem.
    sizes, toy
        Sizes that are measured, and the one of the tests.
    axis
        What the size counts.
    seconds
        Which figures of a run's JSON are added up as its time; empty: wall time of
        the whole process.
    shows
        Which other figures are shown.
    before
        Writes `{path}` before the clock starts.
    reference, agree
        Whose objective is right, and how far others may be from it, relatively; 0:
        objectives are not compared.
    faster, leaner
        By rival: how many times faster and leaner ours should be.
    at_least, at_most
        By figure of ours: the least, and the most, to reach.
    """

    name: str
    about: str
    runs: tuple[Run, ...]
    sizes: tuple[Size, ...] = (Size("all"),)
    toy: Size = Size("all")
    axis: str = ""
    seconds: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    before: Run | None = None
    reference: str = "ours"
    agree: float = 0.0
    faster: Mapping[str, float] = field(default_factory=dict)
    leaner: Mapping[str, float] = field(default_factory=dict)
    at_least: Mapping[str, float] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)


def _chain(program: str, *more: str) -> Run:
    size = (program, "--years", "{years}", "--scenarios", "{scenarios}")
    module = "benchmarks.stochastic_chain"
    return Run(program, module, (*size, *more), rival=program != "ours")


def _chain_size(years: int, scenarios: int) -> Size:
    label = f"{years} years x {scenarios} scenarios"
    return Size(label, {"years": str(years), "scenarios": str(scenarios)})


def _ours(task: str, *arguments: str) -> Run:
    return Run("ours", "benchmarks.own_work", (task, *arguments))


STAGE_SIZE = ("--years", "{years}", "--scale", "{scale}", "--scenarios", "{scenarios}")
TOY_STAGE = {"years": "2", "scale": "0.1"}


def _two_stage(name: str, program: str, *more: str, most: float | None = None) -> Run:
    return Run(name, "benchmarks.two_stage", (program, *STAGE_SIZE, *more), most=most)


def _stage(scenarios: int, seconds: float = 0.0, mb: float = 0.0) -> Size:
    values = {"years": "8", "scale": "1", "scenarios": str(scenarios)}
    return Size(f"{scenarios:,}", values, seconds, mb)


def _rival(program: str, *more: str, most: float | None = None) -> Run:
    arguments = (program, "{path}", *more)
    module = "benchmarks.two_stage_rivals"
    return Run(program, module, arguments, rival=True, most=most)


def _many(task: str, *more: str) -> Run:
    size = (task, "--count", "{count}", "--years", "{years}", "--scale", "{scale}")
    return Run("ours", "benchmarks.many_scenarios", (*size, *more))


def _where(name: str, executor: str, *, most: float | None = None) -> Run:
    size = ("--workers", "{workers}", "--scale", "{scale}", "--count", "{count}")
    arguments = (executor, *size, "--chunk", "{chunk}")
    return Run(name, "benchmarks.executors", arguments, most=most)


def _served(database: str, least: float) -> Bench:
    arguments = ("--clients", "{clients}", "--seconds", "{seconds}")
    return Bench(
        name=f"reserve-{database}",
        about="Commands of an operated reserve through its HTTP API, acknowledged once "
        f"they are on the disk of {database}; beside plain INSERTs, one commit each",
        axis="clients",
        runs=(
            Run(
                "ours", "benchmarks.reserve_load",
                ("--database", database, *arguments),
            ),
        ),
        sizes=(Size("100", {"clients": "100", "seconds": "20"}),),
        toy=Size("4", {"clients": "4", "seconds": "1"}),
        shows=(
            "commands_per_s", "p50_ms", "p99_ms", "inserts_per_s", "inserts_all_per_s",
        ),
        at_least={"commands_per_s": least},
        at_most={"p99_ms": 250},
    )  # fmt: skip


def _count(label: str, years: int, **values: str) -> Size:
    return Size(label, {"years": str(years), "scale": "1", **values})


BUILD_AND_SOLVE = ("build_s", "solve_s")
SHOW_SOLVED = ("objective", "gap", "iterations")

STOCHASTIC = (
    Bench(
        name="two-stage",
        about="A made-up supply chain, 8 years, 9,608 columns a scenario, gap 1e-4",
        axis="scenarios",
        sizes=tuple(_stage(count) for count in (2, 5, 10, 50)),
        toy=Size("3", TOY_STAGE | {"scenarios": "3"}),
        before=_two_stage("write", "write", "--path", "{path}"),
        runs=(
            _two_stage("ours", "ours"),
            _two_stage("extensive", "extensive"),
            _rival("linopy"),
            _rival("sppy-extensive"),
            _rival("sppy-lshaped", "--optimum", "{optimum}"),
        ),
        seconds=BUILD_AND_SOLVE,
        shows=SHOW_SOLVED,
        reference="extensive",
        agree=1e-4,
        faster={"linopy": 5, "sppy-extensive": 20, "sppy-lshaped": 20},
        leaner={"linopy": 3, "sppy-extensive": 3, "sppy-lshaped": 3},
    ),
    Bench(
        name="two-stage-build",
        about="The same up to a solver that holds the matrix; ours writes the "
        "extensive form too here, which its method never needs",
        axis="scenarios",
        sizes=tuple(_stage(count) for count in (10, 50)),
        toy=Size("3", TOY_STAGE | {"scenarios": "3"}),
        before=_two_stage("write", "write", "--path", "{path}"),
        runs=(
            _two_stage("ours", "extensive", "--build-only"),
            _rival("linopy", "--build-only"),
        ),
        seconds=("build_s",),
        faster={"linopy": 5},
        leaner={"linopy": 3},
    ),
    Bench(
        name="two-stage-tail",
        about="The same with CVaR 0.95 at weight 0.5; two threads and one",
        axis="scenarios",
        sizes=(_stage(10), _stage(500, 40), _stage(10_000, 600, 2000)),
        toy=Size("3", TOY_STAGE | {"scenarios": "3"}),
        runs=(
            _two_stage("ours", "ours", "--risk-weight", "0.5"),
            _two_stage(
                "one thread", "ours", "--risk-weight", "0.5", "--workers", "1", most=500
            ),
            _two_stage("extensive", "extensive", "--risk-weight", "0.5", most=10),
        ),
        seconds=BUILD_AND_SOLVE,
        shows=SHOW_SOLVED,
        agree=1e-4,
        faster={"one thread": 1.8},
    ),
    Bench(
        name="binaries",
        about="The same without the tail and with 44 projects to build or not",
        axis="scenarios",
        sizes=(_stage(10, 10), _stage(500, 180)),
        toy=Size("3", TOY_STAGE | {"scenarios": "3"}),
        runs=(
            _two_stage("ours", "ours", "--binaries"),
            _two_stage("extensive", "extensive", "--binaries", most=10),
        ),
        seconds=BUILD_AND_SOLVE,
        shows=SHOW_SOLVED,
        reference="ours",
        agree=2e-4,
    ),
    Bench(
        name="year-problems",
        about="Exact optima of year problems (1,201 columns) on one core: from "
        "nothing, from the last basis, from the basis that a cache picks",
        axis="kept duals",
        sizes=tuple(
            _count(f"{k:,}", 1, kept=str(k), count="3000") for k in (500, 4000)
        ),
        toy=Size("20", {"years": "1", "scale": "0.1", "kept": "20", "count": "40"}),
        runs=(_many("year-problems", "--kept", "{kept}"),),
        seconds=("solve_s",),
        shows=("cold_per_s", "warm_per_s", "picked_per_s", "iterations"),
        at_least={"picked_per_s": 1000},
    ),
    Bench(
        name="bounds",
        about="Certified bounds of year problems on one core, and what they miss",
        axis="kept duals",
        sizes=tuple(
            _count(f"{k:,}", 1, kept=str(k), count="20000") for k in (500, 4000)
        ),
        toy=Size("20", {"years": "1", "scale": "0.1", "kept": "20", "count": "300"}),
        runs=(_many("bounds", "--kept", "{kept}"),),
        seconds=("evaluate_s",),
        shows=("bounds_per_s", "mean_gap", "lowest"),
        at_least={"bounds_per_s": 20_000},
        at_most={"mean_gap": 0.005},
    ),
    Bench(
        name="evaluate",
        about="A plan on unseen scenarios of 8 years: mean, CVaR 0.95, intervals",
        axis="scenarios",
        sizes=(
            _count("10,000", 8, count="10000"),
            _count("100,000", 8, count="100000"),
            Size("1,000,000", {"years": "8", "scale": "1", "count": "1000000"}, 600),
        ),
        toy=Size("600", {"years": "2", "scale": "0.1", "count": "600"}),
        runs=(_many("evaluate"),),
        seconds=("evaluate_s",),
        shows=("mean", "mean_width", "cvar", "cvar_width", "exact"),
        at_most={"mean_width": 0.01, "cvar_width": 0.01},
    ),
    Bench(
        name="sddp",
        about="The operating policy of a reserve: 8 stages, 20 openings, 12 items, 1 %",
        axis="stages x openings x items",
        sizes=(
            Size("8 x 20 x 12", {"stages": "8", "openings": "20", "items": "12"}, 300),
        ),
        toy=Size("3 x 3 x 2", {"stages": "3", "openings": "3", "items": "2"}),
        runs=(
            Run(
                "ours",
                "benchmarks.many_scenarios",
                (
                    "sddp",
                    "--stages",
                    "{stages}",
                    "--openings",
                    "{openings}",
                    "--items",
                    "{items}",
                ),
            ),
        ),
        seconds=("solve_s",),
        shows=("bound", "upper", "gap", "iterations"),
        at_most={"gap": 0.01},
    ),
    Bench(
        name="executors",
        about="Year problems (1,201 columns) in tasks of 100, each from nothing, by "
        "threads and elsewhere; the sum of all values is the same to the last bit",
        axis="workers",
        sizes=tuple(
            Size(
                workers,
                {"workers": workers, "scale": "1", "count": "1600", "chunk": "100"},
            )
            for workers in ("1", "2")
        ),
        toy=Size("1", {"workers": "1", "scale": "0.1", "count": "40", "chunk": "20"}),
        runs=(
            _where("ours", "threads"),
            _where("serial", "serial", most=1),
            _where("processes", "processes"),
            _where("ray", "ray"),
        ),
        seconds=("solve_s",),
        shows=("open_s", "null_us", "kb64_us", "lp_per_cpu_s", "master_us_per_lp"),
        agree=1e-15,
    ),
    Bench(
        name="market",
        about="us-2026 simulated over 10 years, the base prepared before",
        axis="scenarios",
        sizes=(
            Size("100", {"study": "us-2026", "scenarios": "100"}),
            Size("1,000", {"study": "us-2026", "scenarios": "1000"}),
            Size("10,000", {"study": "us-2026", "scenarios": "10000"}, 600, 2000),
        ),
        toy=Size("4", {"study": "tiny", "scenarios": "4"}),
        runs=(_ours("market", "--study", "{study}", "--scenarios", "{scenarios}"),),
        seconds=("simulate_s",),
        shows=("scenarios_per_s",),
    ),
    Bench(
        name="magnet-chain",
        about="A made-up magnet chain of the size class of BLEECAM's Nd/Dy case: 17 "
        "processes, 12 materials, 9 places, 5 periods; whole process",
        toy=Size("all"),
        runs=(Run("ours", "benchmarks.magnet_chain"),),
        shows=("columns", "rows", "objective", "build_s", "solve_s"),
        sizes=(Size("all", {}, 1),),
    ),
)

PEERS_AND_OWN_WORK = (
    Bench(
        name="stochastic-chain",
        about="PyPSA's stochastic feature, the same objective",
        axis="size",
        sizes=(_chain_size(5, 10),),
        toy=_chain_size(2, 2),
        runs=(_chain("ours"), _chain("pypsa")),
        seconds=BUILD_AND_SOLVE,
        shows=("objective",),
        agree=1e-6,
        faster={"pypsa": 50},
        leaner={"pypsa": 4},
    ),
    Bench(
        name="block-build",
        about="The same chain, built up to the solver",
        axis="size",
        sizes=(_chain_size(10, 100),),
        toy=_chain_size(2, 2),
        runs=(_chain("ours", "--build-only"), _chain("linopy", "--build-only")),
        seconds=("build_s",),
        faster={"linopy": 5},
        leaner={"linopy": 3},
    ),
    Bench(
        name="lshaped",
        about="The programme of a plan of us-2026 by cuts and in extensive form",
        axis="scenarios",
        sizes=(Size("100", {"study": "us-2026", "scenarios": "100"}),),
        toy=Size("4", {"study": "tiny", "scenarios": "4"}),
        runs=tuple(
            Run(
                name,
                "benchmarks.own_work",
                ("solve", "--method", method, "--scenarios", "{scenarios}",
                 "--study", "{study}"),
            )
            for name, method in (("ours", "lshaped"), ("extensive", "extensive"))
        ),
        seconds=("solve_s",),
        shows=("objective",),
        agree=2e-3,
        faster={"extensive": 5},
    ),
    Bench(
        name="stress",
        about="One shock, 10 years, the whole of us-2026, prepared base",
        sizes=(Size("all", {"study": "us-2026"}, 2),),
        toy=Size("all", {"study": "tiny"}),
        runs=(_ours("simulate", "--study", "{study}"),),
        seconds=("simulate_s",),
    ),
    Bench(
        name="plan",
        about="The plan of us-2026: 100 scenarios, 300 to verify, all parts",
        axis="scenarios",
        sizes=(
            Size(
                "100",
                {"study": "us-2026", "scenarios": "100", "verify": "300"}, 180, 1500,
            ),
        ),
        toy=Size("4", {"study": "tiny", "scenarios": "4", "verify": "6"}),
        runs=(
            _ours(
                "plan", "--study", "{study}", "--scenarios", "{scenarios}",
                "--verify", "{verify}",
            ),
        ),
        seconds=("run_s",),
        shows=("gap", "verified_benefit_usd"),
    ),
    Bench(
        name="first-import",
        about="`import oreserve`, best of five",
        runs=(_ours("import"),),
        seconds=("run_s",),
        sizes=(Size("all", {}, 0.4),),
    ),
    Bench(
        name="help",
        about="`oreserve --help`, best of five",
        runs=(_ours("help"),),
        seconds=("run_s",),
        sizes=(Size("all", {}, 0.5),),
    ),
    Bench(
        name="exposure-cells",
        about="420 GeoPolRisk cells from raw files: 20 minerals x 7 units x 3 years",
        runs=(
            Run("ours", "benchmarks.exposure", ("cells",)),
            Run("geopolrisk-py", "benchmarks.exposure", ("peer",)),
        ),
        seconds=("run_s",),
        sizes=(Size("all", {}, 3, 200),),
        faster={"geopolrisk-py": 100},
    ),
    Bench(
        name="exposure-all",
        about="Shares, HHI and GeoPolRisk: every good x country x 1995-2024",
        runs=(Run("ours", "benchmarks.exposure", ("all",)),),
        seconds=("run_s",),
        sizes=(Size("all", {}, 20),),
    ),
    Bench(
        name="baci-stream",
        about="Synthetic rows in BACI's layout, a year at a time",
        axis="rows",
        runs=(
            Run(
                "ours", "benchmarks.importers",
                ("--rows", "{rows}", "--years", "{years}"),
            ),
        ),
        seconds=("seconds",),
        sizes=(
            Size(
                "200,000,000", {"rows": "200000000", "years": "1995-2024"}, 0, 2000
            ),
        ),
        toy=Size("3,000", {"rows": "3000", "years": "2022-2024"}),
    ),
    _served("sqlite", 300),
    _served("postgresql", 500),
)  # fmt: skip

BENCHES = (*STOCHASTIC, *PEERS_AND_OWN_WORK)
