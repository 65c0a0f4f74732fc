# SPDX-License-Identifier: Apache-2.0
"""Small random programmes for the tests of the plan."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from oreserve.planning._gains import Group
from oreserve.planning._programme import FirstStage, Programme


def random_programme(
    seed: int,
    *,
    scenarios: int = 12,
    items: int = 4,
    periods: int = 4,
    options: int = 4,
    linked: bool = True,
    budget: float = 60.0,
) -> Programme:
    """Draw a programme with buys in two price steps, agreements and options."""
    rng = np.random.default_rng(seed)
    name: list[str] = []
    kind: list[str] = []
    cost: list[float] = []
    cash: list[float] = []
    rows: list[tuple[dict[int, float], float, float, str]] = []
    buy: dict[tuple[int, int], int] = {}
    for item in range(items):
        for year in range(periods):
            parent = len(name)
            buy[item, year] = parent
            name.append(f"buy {item} {year}")
            kind.append("buy")
            cost.append(0.0)
            cash.append(0.0)
            price = rng.uniform(3, 15)
            for step in range(2):
                name.append(f"step {item} {year} {step}")
                kind.append("step")
                cost.append(price * (1 + step) * 0.5)
                cash.append(price * (1 + step))
            rows.append(
                ({parent: 1.0, parent + 1: -0.5, parent + 2: -0.5}, 0.0, 0.0, "step")
            )
    agreement = {}
    for item in range(items):
        agreement[item] = len(name)
        name.append(f"agreement {item}")
        kind.append("agreement")
        cost.append(rng.uniform(1, 10))
        cash.append(rng.uniform(1, 10))
    option: dict[tuple[int, int], int] = {}
    for project in range(options // 2):
        members = {}
        for choice in range(2):
            column = len(name)
            option[project, choice] = column
            members[column] = 1.0
            name.append(f"project {project} option {choice}")
            kind.append("option")
            cost.append(rng.uniform(5, 25))
            cash.append(rng.uniform(10, 40))
        rows.append((members, -np.inf, 1.0, f"one option of project {project}"))
    count = len(name)
    matrix = sparse.lil_array((len(rows), count))
    for number, (entries, *_) in enumerate(rows):
        for column, value in entries.items():
            matrix[number, column] = value
    integer = np.array([k == "option" for k in kind])
    first = FirstStage(
        name=tuple(name),
        kind=tuple(kind),
        amount=np.ones(count),
        lower=np.zeros(count),
        upper=np.ones(count),
        cost=np.array(cost),
        cash=np.array(cash),
        integer=integer,
        matrix=sparse.csr_array(matrix),
        row_lower=np.array([row[1] for row in rows]),
        row_upper=np.array([row[2] for row in rows]),
        row_name=tuple(row[3] for row in rows),
        budget=budget,
    )
    sets = (
        [[0, 1], *([i] for i in range(2, items))]
        if linked
        else [[i] for i in range(items)]
    )
    groups = []
    base = np.zeros(scenarios)
    for members in sets:
        group = _group(rng, members, scenarios, periods, buy, agreement, option, items)
        groups.append(group)
        value = group.discount[:, None] * group.step_value[None, :]
        base += (group.size * value[None]).sum(axis=(1, 2))[group.future]
    return Programme(
        first=first,
        groups=tuple(groups),
        base_loss=base,
        probability=np.full(scenarios, 1.0 / scenarios),
        risk_weight=0.5,
        alpha=0.75,
    )


def _group(rng, members, scenarios, periods, buy, agreement, option, spread) -> Group:
    futures = max(2, scenarios - 3)
    count = len(members)
    future = np.concatenate(
        [np.arange(futures), rng.integers(0, futures, scenarios - futures)]
    )
    step_item = np.repeat(np.arange(count), 3)
    step_value = np.concatenate(
        [np.sort(rng.uniform(0.5, 12, 3))[::-1] for _ in members]
    )
    short = rng.random((futures, periods, 3 * count)) < 0.5
    size = rng.uniform(0.2, 2.0, (futures, periods, 3 * count)) * short
    columns = sorted(
        [buy[i, y] for i in members for y in range(periods)]
        + [agreement[i] for i in members]
        + [column for (p, _), column in option.items() if p % spread in members]
    )
    place = {column: number for number, column in enumerate(columns)}
    release = np.zeros((futures, periods, count, len(columns)))
    supply = np.zeros_like(release)
    bought = np.zeros((futures, count, len(columns)))
    for number, item in enumerate(members):
        for year in range(periods):
            column = place[buy[item, year]]
            tonnes = 3.0
            bought[:, number, column] = tonnes
            share = rng.uniform(0.2, 1.0, (futures, periods))
            share[:, : year + 1] = 0.0
            release[:, :, number, column] = tonnes * share
        column = place[agreement[item]]
        supply[:, :, number, column] = rng.uniform(0, 1.0, (futures, periods))
        for key in option.values():
            if key not in place:
                continue
            stands = rng.random(futures) < 0.6
            later = np.arange(periods) >= 1
            supply[:, :, number, place[key]] = (
                stands[:, None] * later[None, :] * rng.uniform(0.2, 1.5)
            )
    plants = 1 if count > 1 else 0
    return Group(
        name=str(members[0]),
        items=tuple(str(item) for item in members),
        future=future,
        step_item=step_item,
        step_value=step_value,
        discount=0.97 ** np.arange(periods),
        size=size,
        release_cost=np.full((periods, count), 0.3),
        columns=np.array(columns),
        release=release,
        supply=supply,
        bought=bought,
        room=rng.uniform(0, 2, (futures, periods, plants)),
        recipe=np.array([[-1.25, 1.0]])[:plants, :count],
    )
