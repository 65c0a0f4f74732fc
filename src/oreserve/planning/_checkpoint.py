# SPDX-License-Identifier: Apache-2.0
"""Results of stages on disk, so that an interrupted plan continues.

The folder is hidden beside the output folder, because the output appears whole or
not at all. Arrays are plain npz files, read without pickle.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from oreserve.errors import InputError
from oreserve.planning._runs import Runs
from oreserve.stochastic._saved import read_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oreserve.study import Study

__all__ = ["Checkpoint", "resume_folder", "study_parts"]


def resume_folder(out: Path) -> Path:
    """Return where the stages of a plan for an output folder are kept."""
    return out.parent / f".{out.name}.resume"


class Checkpoint:
    """Stage results under one key; without a folder nothing is kept.

    Parameters
    ----------
    folder
        Where to keep stages, or None.
    study_hash
        The study that they belong to.
    options
        Everything else that they depend on: seed, numbers, budget.
    parts
        Hash of each table and text of each setting, to say what has changed.

    Raises
    ------
    InputError
        If the folder holds stages of a study that has changed since.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        study_hash: str,
        options: Mapping[str, Any],
        parts: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self.troubles: list[str] = []
        self.key = hashlib.sha256(
            json.dumps({"study": study_hash, **options}, sort_keys=True).encode()
        ).hexdigest()
        if folder is None:
            return
        manifest = folder / "manifest.json"
        if manifest.is_file():
            self._compare(manifest, study_hash, parts or {})
        folder.mkdir(parents=True, exist_ok=True)
        held = {"study": study_hash, "key": self.key, "parts": dict(parts or {})}
        text = json.dumps(held, sort_keys=True)
        _write(manifest, lambda file: file.write(text.encode()))

    def _compare(
        self, manifest: Path, study_hash: str, parts: Mapping[str, str]
    ) -> None:
        """Refuse a changed study; start afresh if only the options differ."""
        try:
            held = json.loads(manifest.read_text())
        except (OSError, ValueError):
            held = {}
        if held.get("study", study_hash) != study_hash:
            message = (
                f"{manifest.parent}: an interrupted run on another version of this "
                f"study lies here (hash {held['study'][:12]}, now {study_hash[:12]})"
                f"{_differences(held.get('parts', {}), parts)}; "
                f"delete the folder to start afresh"
            )
            raise InputError(message)
        if held.get("key") != self.key:
            shutil.rmtree(manifest.parent, ignore_errors=True)

    def get(self, stage: str) -> dict[str, np.ndarray] | None:
        """Return the arrays of a finished stage, or None."""
        if self._folder is None:
            return None
        path = self._folder / f"{stage}.npz"
        if not path.is_file():
            return None
        try:
            return read_arrays(path)
        except (OSError, ValueError):
            return None

    def put(self, stage: str, arrays: Mapping[str, Any]) -> None:
        """Keep the arrays of a finished stage; they appear whole or not at all.

        A disk that is full or broken must not end hours of work: what was kept
        before stays as it is, and the trouble is noted in `troubles`.
        """
        if self._folder is None:
            return
        target = self._folder / f"{stage}.npz"

        def write(file: IO[bytes]) -> None:
            held: dict[str, Any] = {k: np.asarray(v) for k, v in arrays.items()}
            np.savez_compressed(file, **held)

        try:
            _write(target, write)
        except OSError as problem:
            self.troubles.append(
                f"{target}: not kept ({problem.strerror or problem}); an interrupted "
                f"run would go back to what was kept before"
            )

    def runs(self, name: str, make: Callable[[], Runs]) -> Runs:
        """Return kept runs, or make and keep them."""
        held = self.get(name)
        if held is not None:
            return Runs.from_arrays(held)
        runs = make()
        self.put(name, runs.to_arrays())
        return runs

    def file(self, name: str) -> Path | None:
        """Return the path of a file that a stage writes itself; None: keep nothing."""
        return None if self._folder is None else self._folder / name

    def clear(self) -> None:
        """Remove the stages once the plan is finished."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def study_parts(study: Study) -> dict[str, str]:
    """Return a hash of each table and the text of each setting."""
    parts = {
        f"{name}.csv": hashlib.sha256(table.write_csv().encode()).hexdigest()[:16]
        for name, table in sorted(study.tables.items())
        if name != "settings"
    }
    settings = dataclasses.asdict(study.settings)
    return parts | {f"setting {name}": str(one) for name, one in settings.items()}


def _differences(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Say which tables and settings differ, as part of a sentence."""
    changed = []
    for name in sorted({*old, *new}):
        before, now = old.get(name), new.get(name)
        if before == now:
            continue
        if name.startswith("setting "):
            changed.append(f"{name} ({before}, now {now})")
        else:
            changed.append(name)
    return f"; changed since: {', '.join(changed)}" if old and changed else ""


def _write(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
