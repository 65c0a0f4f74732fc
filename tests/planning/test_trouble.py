# SPDX-License-Identifier: Apache-2.0
"""A killed solution, a full disk, a study that changed meanwhile."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import numpy as np
import pytest

from oreserve.errors import InputError
from oreserve.planning import _checkpoint
from oreserve.planning._checkpoint import Checkpoint, study_parts
from oreserve.planning._keep import Keep
from oreserve.planning._lshaped import solve_lshaped
from oreserve.planning._search import Search
from oreserve.study import load_study
from planning._instances import random_programme


@pytest.fixture
def programme():
    return random_programme(5, scenarios=30, items=6, options=6)


def checkpoint(folder) -> Checkpoint:
    return Checkpoint(folder, study_hash="a", options={})


class KilledError(Exception):
    """Stands for a signal."""


def stop_after(monkeypatch, points: int) -> None:
    count = 0
    offer = Search.offer

    def counted(self, *args, **kwargs):
        nonlocal count
        count += 1
        if count > points:
            raise KilledError
        return offer(self, *args, **kwargs)

    monkeypatch.setattr(Search, "offer", counted)


@pytest.mark.parametrize("points", [4, 9])
def test_a_killed_solution_goes_on_with_its_cuts(
    programme, tmp_path, monkeypatch, points
) -> None:
    whole = solve_lshaped(programme, gap=1e-7)
    with monkeypatch.context() as patched:
        stop_after(patched, points)
        keep = Keep(checkpoint(tmp_path), "cuts", every_s=0.0)
        with pytest.raises(KilledError):
            solve_lshaped(programme, gap=1e-7, keep=keep)
    held = checkpoint(tmp_path).get("cuts")
    assert held is not None
    assert len(held["row_upper"]) > 10
    again = Keep(checkpoint(tmp_path), "cuts", every_s=1e9)
    resumed = solve_lshaped(programme, gap=1e-7, keep=again)
    assert resumed.objective == pytest.approx(whole.objective, rel=1e-6)
    assert resumed.bound <= whole.objective * (1 + 1e-6)
    assert resumed.gap <= 1e-6
    assert resumed.iterations < whole.iterations


def test_cuts_of_another_programme_are_not_taken(programme, tmp_path) -> None:
    keep = Keep(checkpoint(tmp_path), "cuts", every_s=0.0)
    solve_lshaped(programme, gap=1e-7, keep=keep)
    assert checkpoint(tmp_path).get("cuts") is not None
    other = replace(programme, base_loss=programme.base_loss * 1.01)
    assert Keep(checkpoint(tmp_path), "cuts").take(programme) is not None
    assert Keep(checkpoint(tmp_path), "cuts").take(other) is None


def full_disk(handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path, monkeypatch) -> None:
    kept = checkpoint(tmp_path)
    kept.put("stage", {"a": np.arange(5)})
    monkeypatch.setattr(_checkpoint.os, "fsync", full_disk)
    kept.put("stage", {"a": np.zeros(9)})
    monkeypatch.undo()
    assert kept.troubles
    assert "No space left" in kept.troubles[0]
    found = checkpoint(tmp_path).get("stage")
    assert found is not None
    assert found["a"].tolist() == [0, 1, 2, 3, 4]
    assert not list(tmp_path.glob("*.part"))


def test_a_solution_survives_a_full_disk(programme, tmp_path, monkeypatch) -> None:
    kept = checkpoint(tmp_path)
    monkeypatch.setattr(_checkpoint.os, "fsync", full_disk)
    found = solve_lshaped(programme, gap=1e-7, keep=Keep(kept, "cuts", every_s=0.0))
    assert found.objective == solve_lshaped(programme, gap=1e-7).objective
    assert kept.troubles


def test_a_changed_study_is_refused_with_what_changed(tmp_path) -> None:
    tiny = load_study("tiny")

    def begin(study) -> Checkpoint:
        parts = study_parts(study)
        return Checkpoint(tmp_path, study_hash=study.hash, options={}, parts=parts)

    begin(tiny).put("stage", {"a": np.arange(5)})
    limits = tiny.table("limits").head(2)
    changed = tiny.with_tables(limits=limits).with_settings(discount_rate=0.05)
    with pytest.raises(InputError) as told:
        begin(changed)
    text = str(told.value)
    assert "another version of this study" in text
    assert "changed since: limits.csv, setting discount_rate (0.03, now 0.05);" in text
    found = begin(tiny).get("stage")
    assert found is not None
    assert found["a"].tolist() == [0, 1, 2, 3, 4]


def test_no_damage_of_a_checkpoint_leaves_anything_but_nothing(tmp_path) -> None:
    # A handle that is left open is a warning, and warnings are errors.
    held = checkpoint(tmp_path / "resume")
    held.put("stage", {"a": np.arange(500.0), "b": np.ones((3, 4))})
    (path,) = (tmp_path / "resume").glob("*.npz")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    damaged = 0
    for number in range(200):
        content = bytearray(whole)
        if number % 3:
            for at in rng.integers(len(content), size=3):
                content[at] = rng.integers(256)
        else:
            content = content[: rng.integers(len(content))]
        path.write_bytes(bytes(content))
        damaged += held.get("stage") is None
    assert damaged > 150
