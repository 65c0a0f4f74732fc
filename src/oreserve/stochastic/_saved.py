# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: written whole or not at all, and refused by another problem."""

from __future__ import annotations

import io
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from oreserve.errors import InputError

__all__ = ["load_checkpoint", "read_arrays", "save_checkpoint"]

Arrays = dict[str, npt.NDArray[Any]]


def save_checkpoint(path: str | Path, identity: dict[str, Any], arrays: Arrays) -> bool:
    """Write a checkpoint beside the old one and put it in its place.

    A disk that is full leaves the old one as it was, and the run goes on with a
    warning: a result is worth more than its checkpoint.

    Parameters
    ----------
    path
        The file.
    identity
        What the checkpoint belongs to; plain data.
    arrays
        What it holds, by name.

    Returns
    -------
    bool
        Whether it was written.
    """
    path = Path(path)
    beside = path.with_name(path.name + ".part")
    text = np.frombuffer(json.dumps(identity, sort_keys=True).encode(), dtype=np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            np.savez(file, identity=text, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        warnings.warn(
            f"checkpoint {path} was not written ({error}); the one before it stands",
            RuntimeWarning,
            stacklevel=2,
        )
        return False
    return True


def read_arrays(path: str | Path) -> Arrays:
    """Read a file of arrays that may have been cut off or damaged.

    Raises
    ------
    OSError
        If it cannot be opened or read.
    ValueError
        If its bytes are none of such a file.
    """
    # By content: of a file that is broken, NumPy leaves the handle open.
    content = io.BytesIO(Path(path).read_bytes())
    try:
        with np.load(content, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except Exception as error:
        # A dozen classes, of the archive, its compression and NumPy's header.
        message = f"{Path(path).name} is damaged: {error}"
        raise ValueError(message) from error


def load_checkpoint(path: str | Path, identity: dict[str, Any]) -> Arrays | None:
    """Read a checkpoint of this very problem; None if there is no file.

    Raises
    ------
    InputError
        If it belongs to something else, naming what differs, or cannot be read.
    """
    path = Path(path)
    if not path.exists():
        return None
    try:
        arrays = read_arrays(path)
        found = json.loads(arrays.pop("identity").tobytes().decode())
    except (OSError, ValueError, KeyError) as error:
        message = f"checkpoint {path} cannot be read ({error}); delete it"
        raise InputError(message) from error
    wanted = json.loads(json.dumps(identity))
    differs = [
        f"{name} is {found.get(name)!r} there and {wanted.get(name)!r} here"
        for name in sorted({*found, *wanted})
        if found.get(name) != wanted.get(name)
    ]
    if differs:
        message = (
            f"checkpoint {path} is of another run: {'; '.join(differs)}. Delete it, "
            f"or name another file"
        )
        raise InputError(message)
    return arrays
