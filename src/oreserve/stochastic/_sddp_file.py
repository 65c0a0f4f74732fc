# SPDX-License-Identifier: Apache-2.0
"""Policies on disk: arrays in one npz, figures and a fingerprint in one json."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oreserve.errors import InputError
from oreserve.network import Block
from oreserve.stochastic._markov import MarkovProblem, Openings, Stage
from oreserve.stochastic._saved import read_arrays
from oreserve.stochastic._sddp import Policy, PolicyFigures
from oreserve.stochastic._sddp_nodes import Cuts, make_nodes

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_policy", "problem_fingerprint", "save_policy"]

FORMAT = 1
ARRAYS, FIGURES = "policy.npz", "sddp.json"
_BLOCK = (
    "cost", "lower", "upper", "row_lower", "row_upper",
    "entry_row", "entry_column", "entry_value",
)  # fmt: skip
_PLACES = ("incoming", "outgoing", "vary_row", "vary_column")
_OPENING = ("probability", "row_lower", "row_upper", "lower", "upper")
_CUTS = ("constant", "slope", "active", "points")


def _problem_arrays(problem: MarkovProblem) -> dict[str, Any]:
    """Return the arrays of a problem by name; a stage that states share once."""
    made: dict[str, Any] = {"start": problem.start, "initial": problem.initial}
    seen: dict[int, int] = {}
    which = np.zeros((problem.length, problem.count), dtype=np.int64)
    for t in range(problem.length):
        for m in range(problem.count):
            stage = problem.stage(t, m)
            if id(stage) not in seen:
                number = seen[id(stage)] = len(seen)
                for name in _BLOCK:
                    made[f"stage{number}.{name}"] = getattr(stage.block, name)
                made[f"stage{number}.offset"] = np.array(stage.block.offset)
                for name in _PLACES:
                    made[f"stage{number}.{name}"] = getattr(stage, name)
            which[t, m] = seen[id(stage)]
            for name in _OPENING:
                made[f"opening{t}.{m}.{name}"] = getattr(problem.openings[t][m], name)
        if t < problem.length - 1:
            made[f"transition{t}"] = problem.transition[t]
    made["stage_of"] = which
    return made


def problem_fingerprint(problem: MarkovProblem) -> str:
    """Return a hash of all numbers of a problem."""
    return _hash(_problem_arrays(problem), problem.discount, problem.floor)


def _hash(arrays: Mapping[str, Any], discount: float, floor: float) -> str:
    digest = hashlib.sha256(f"{FORMAT} {discount!r} {floor!r}".encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.shape} {array.dtype.str}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def save_policy(policy: Policy, folder: str | Path) -> Path:
    """Write a policy to a folder, each file whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    problem = policy.problem
    arrays = _problem_arrays(problem)
    print_ = _hash(arrays, problem.discount, problem.floor)
    for t, row in enumerate(policy.nodes):
        for m, node in enumerate(row):
            for name in _CUTS:
                arrays[f"cuts{t}.{m}.{name}"] = getattr(node.cuts, name)
    temporary = folder / f".{ARRAYS}"
    with temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(folder / ARRAYS)
    figures = {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in asdict(policy.figures).items()
    }
    document = {
        "format": FORMAT,
        "fingerprint": print_,
        "stages": problem.length,
        "states": list(problem.states) or problem.count,
        "discount": problem.discount,
        "floor": problem.floor,
        "figures": figures,
    }
    temporary = folder / f".{FIGURES}"
    temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    temporary.replace(folder / FIGURES)
    return folder


def load_policy(folder: str | Path) -> Policy:
    """Read a policy that `Policy.save` wrote.

    Raises
    ------
    InputError
        If the folder holds none, or one of another format, or if arrays and json do
        not belong together.
    """
    folder = Path(folder)
    for name in (ARRAYS, FIGURES):
        if not (folder / name).is_file():
            message = f"{folder} holds no policy: {name} is missing"
            raise InputError(message)
    document = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
    if document["format"] != FORMAT:
        message = (
            f"{folder}: the policy has format {document['format']}; this version "
            f"reads format {FORMAT}: make it again"
        )
        raise InputError(message)
    try:
        arrays = read_arrays(folder / ARRAYS)
    except ValueError as error:
        message = f"{folder} holds no policy: {error}; make it again"
        raise InputError(message) from error
    problem = _read_problem(arrays, document)
    own = {k: v for k, v in arrays.items() if not k.startswith("cuts")}
    if _hash(own, problem.discount, problem.floor) != document["fingerprint"]:
        message = f"{folder}: {ARRAYS} and {FIGURES} do not belong together"
        raise InputError(message)
    nodes = make_nodes(problem)
    for t, row in enumerate(nodes):
        for m, node in enumerate(row):
            node.load(Cuts(*(arrays[f"cuts{t}.{m}.{name}"] for name in _CUTS)))
    figures = dict(document["figures"])
    for name in ("bound", "mean", "halfwidth", "upper", "upper_halfwidth"):
        figures[name] = math.nan if figures[name] is None else figures[name]
    figures["history"] = tuple(figures["history"])
    return Policy(problem, nodes, PolicyFigures(**figures))


def _read_problem(arrays: Mapping[str, Any], document: Any) -> MarkovProblem:
    which = arrays["stage_of"]
    length, count = which.shape
    stages = [_read_stage(arrays, number) for number in range(int(which.max()) + 1)]
    names = document["states"]
    return MarkovProblem(
        stages=[[stages[which[t, m]] for m in range(count)] for t in range(length)],
        openings=[
            [
                Openings(*(arrays[f"opening{t}.{m}.{name}"] for name in _OPENING))
                for m in range(count)
            ]
            for t in range(length)
        ],
        start=arrays["start"],
        transition=[arrays[f"transition{t}"] for t in range(length - 1)],
        initial=arrays["initial"],
        discount=document["discount"],
        floor=document["floor"],
        states=tuple(names) if isinstance(names, list) else (),
    )


def _read_stage(arrays: Mapping[str, Any], number: int) -> Stage:
    parts = {name: arrays[f"stage{number}.{name}"] for name in _BLOCK}
    block = Block(
        integer=np.zeros(len(parts["cost"]), dtype=bool),
        offset=float(arrays[f"stage{number}.offset"]),
        **parts,
    )
    return Stage(block, *(arrays[f"stage{number}.{name}"] for name in _PLACES))
