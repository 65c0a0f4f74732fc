# SPDX-License-Identifier: Apache-2.0
"""Results of stages on disk, so that an interrupted plan continues.

The folder is hidden beside the output folder, because the output appears whole or
not at all. Arrays are plain npz files, read without pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Checkpoint", "resume_folder"]


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

    Raises
    ------
    InputError
        If the folder holds stages of a study that has changed since.
    """

    def __init__(
        self, folder: Path | None, *, study_hash: str, options: Mapping[str, Any]
    ) -> None:
        self._folder = folder
        self.key = hashlib.sha256(
            json.dumps({"study": study_hash, **options}, sort_keys=True).encode()
        ).hexdigest()
        if folder is None:
            return
        manifest = folder / "manifest.json"
        if manifest.is_file():
            self._compare(manifest, study_hash)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"study": study_hash, "key": self.key})
        _write(manifest, text.encode())

    def _compare(self, manifest: Path, study_hash: str) -> None:
        """Refuse a changed study; start afresh if only the options differ."""
        try:
            held = json.loads(manifest.read_text())
        except (OSError, ValueError):
            held = {}
        if held.get("study", study_hash) != study_hash:
            message = (
                f"{manifest.parent}: an interrupted plan of another version of this "
                f"study lies here (hash {held['study'][:12]}, now {study_hash[:12]}); "
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
            with np.load(path, allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        except (OSError, ValueError, zipfile.BadZipFile):
            return None

    def put(self, stage: str, arrays: Mapping[str, Any]) -> None:
        """Keep the arrays of a finished stage; they appear whole or not at all."""
        if self._folder is None:
            return
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                held: dict[str, Any] = {k: np.asarray(v) for k, v in arrays.items()}
                np.savez_compressed(file, **held)
            Path(name).replace(self._folder / f"{stage}.npz")
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def clear(self) -> None:
        """Remove the stages once the plan is finished."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)
