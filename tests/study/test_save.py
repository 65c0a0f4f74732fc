# SPDX-License-Identifier: Apache-2.0
"""Saving gives back the same study, and appears whole or not at all."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oreserve.errors import InputError
from oreserve.study import Study, load_study, whole_folder
from oreserve.tables import TABLES


def test_saved_study_loads_to_the_same_tables_and_hash(
    tiny: Study, tmp_path: Path
) -> None:
    tiny.save(tmp_path / "copy")
    again = load_study(tmp_path / "copy")
    assert again.hash == tiny.hash
    assert again.settings == tiny.settings
    for name in TABLES:
        if name != "settings":
            assert again.table(name).equals(tiny.table(name)), name


def test_saved_descriptor_is_a_data_package_with_units(
    tiny: Study, tmp_path: Path
) -> None:
    tiny.save(tmp_path / "copy")
    content = json.loads((tmp_path / "copy" / "datapackage.json").read_text())
    assert content["$schema"].startswith("https://datapackage.org/profiles/2.")
    lanes = next(r for r in content["resources"] if r["name"] == "lanes")
    fields = {f["name"]: f for f in lanes["schema"]["fields"]}
    assert fields["base_t_per_year"]["unit"] == "t/year"
    assert lanes["schema"]["primaryKey"] == ["item", "exporter", "importer"]
    saved = pl.read_csv(tmp_path / "copy" / "lanes.csv")
    assert list(fields) == saved.columns


def test_changed_settings_are_saved(tiny: Study, tmp_path: Path) -> None:
    tiny.with_settings(home="JPN", alpha=0.8).save(tmp_path / "copy")
    again = load_study(tmp_path / "copy")
    assert (again.settings.home, again.settings.alpha) == ("JPN", 0.8)


def test_saved_overlay_stands_alone(
    make_overlay: Callable[..., Any], tmp_path: Path
) -> None:
    overlay = make_overlay("mine", "tiny", settings=[["name", "value"], ["alpha", 0.8]])
    study = load_study(overlay.path)
    study.save(tmp_path / "whole")
    assert load_study(tmp_path / "whole").hash == study.hash
    assert "extends" not in (tmp_path / "whole" / "datapackage.json").read_text()


# Finite numbers of any size that the spec allows come back bit for bit.
amounts = st.floats(min_value=0, max_value=1e15, allow_subnormal=True)
remarks = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20
).map(str.strip)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(quantities=st.lists(amounts, min_size=4, max_size=4), remark=remarks)
def test_round_trip_of_any_numbers_and_texts(
    tiny: Study, tmp_path: Path, quantities: list[float], remark: str
) -> None:
    stocks = tiny.tables["stocks"].with_columns(
        pl.Series("quantity_t", quantities),
        pl.lit(None, pl.Float64).alias("floor_t"),
        pl.lit(remark or None, pl.String).alias("note"),
    )
    study = tiny.with_tables(stocks=stocks)
    study.save(tmp_path / "copy")
    again = load_study(tmp_path / "copy")
    assert again.hash == study.hash
    assert again.table("stocks").equals(study.table("stocks"))


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_hash_does_not_depend_on_the_order_of_rows_or_columns(
    tiny: Study, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311  # a shuffle, no secret
    frames = {}
    for name in ("plants", "recipes", "prices", "memberships", "driver_effects"):
        frame = tiny.tables[name]
        columns = rng.sample(frame.columns, len(frame.columns))
        frames[name] = frame.sample(
            fraction=1, shuffle=True, seed=rng.randrange(1000)
        ).select(columns)
    assert tiny.with_tables(**frames).hash == tiny.hash


def test_hash_changes_with_one_cell(tiny: Study) -> None:
    frame = tiny.tables["lanes"].with_columns(
        pl.when(pl.col("item") == "gallium")
        .then(pl.col("cost_usd_per_t") + 1e-6)
        .otherwise("cost_usd_per_t")
        .alias("cost_usd_per_t")
    )
    assert tiny.with_tables(lanes=frame).hash != tiny.hash


def test_hash_is_stable_between_processes(tiny: Study) -> None:
    import os
    import subprocess
    import sys

    code = "from oreserve.study import load_study; print(load_study('tiny').hash)"
    src = str(Path(__file__).parents[2] / "src")
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": src}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == tiny.hash


def test_failure_half_way_leaves_nothing(
    tiny: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import oreserve.study._save as module

    real = module.canonical_csv

    def full_disk(name: str, frame: pl.DataFrame) -> str:
        if name == "lanes":
            raise OSError(28, "No space left on device")
        return real(name, frame)

    monkeypatch.setattr(module, "canonical_csv", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        tiny.save(tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


def test_failure_half_way_keeps_the_older_study(
    tiny: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import oreserve.study._save as module

    tiny.save(tmp_path / "copy")

    def interrupted(study: Study, names: list[str]) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_descriptor", interrupted)
    with pytest.raises(KeyboardInterrupt):
        tiny.with_settings(alpha=0.8).save(tmp_path / "copy")
    assert [p.name for p in tmp_path.iterdir()] == ["copy"]
    assert load_study(tmp_path / "copy").hash == tiny.hash


def test_save_replaces_a_study_and_drops_its_old_tables(
    tiny: Study, tmp_path: Path
) -> None:
    tiny.save(tmp_path / "copy")
    without = tiny.with_tables(limits=tiny.tables["limits"].clear())
    without.save(tmp_path / "copy")
    assert not (tmp_path / "copy" / "limits.csv").exists()
    assert load_study(tmp_path / "copy").hash == without.hash


def test_save_refuses_a_folder_with_other_files(tiny: Study, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(InputError, match="holds other files"):
        tiny.save(tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    with pytest.raises(InputError, match="it is a file"):
        tiny.save(tmp_path / "thesis.txt")


def test_whole_folder_swaps_only_at_the_end(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "out", marker="done") as made:
        (made / "done").write_text("1")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "done").read_text() == "1"
