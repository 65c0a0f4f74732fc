# SPDX-License-Identifier: Apache-2.0
"""Blocks of scenarios on disk, so that a killed simulation goes on.

A block appears whole or not at all: it is written under another name, forced to
the disk and renamed. The folder says what its blocks were computed from, and blocks
of anything else are refused.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np

from oreserve.errors import InputError, OreserveError
from oreserve.stochastic._saved import read_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Blocks", "blocks_folder", "kept_scenarios"]

MANIFEST = "made-from.json"


def blocks_folder(out: Path) -> Path:
    """Return where the finished blocks for an output folder are kept."""
    return out.parent / f".{out.name}.blocks"


def kept_scenarios(out: Path) -> int:
    """Count the scenarios that a run which did not end has kept, from the first on."""
    return _reach(_ranges(blocks_folder(out)))


class Blocks:
    """Finished blocks of one simulation; without a folder nothing is kept.

    Parameters
    ----------
    folder
        Where they are kept, or None.
    made_from
        Name and value of all that the numbers depend on.

    Raises
    ------
    InputError
        If the folder holds blocks that were made from something else.
    """

    def __init__(self, folder: Path | None, made_from: Mapping[str, str]) -> None:
        self.folder = folder
        self._made_from = dict(made_from)
        if folder is None:
            return
        manifest = folder / MANIFEST
        if manifest.is_file():
            _compare(manifest, made_from)

    def get(self, start: int, count: int) -> dict[str, np.ndarray] | None:
        """Return the block of `count` scenarios from `start` on, or None."""
        if self.folder is None:
            return None
        path = self.folder / _name(start, count)
        try:
            return read_arrays(path)
        except (OSError, ValueError):
            return None

    def kept(self, start: int, most: int) -> int | None:
        """Return the size of the largest block kept from `start` on, up to `most`."""
        if self.folder is None:
            return None
        sizes = [stop - first for first, stop in _ranges(self.folder) if first == start]
        return max((size for size in sizes if size <= most), default=None)

    def put(self, start: int, count: int, arrays: Mapping[str, Any]) -> None:
        """Keep a finished block.

        Raises
        ------
        OreserveError
            If it cannot be written; the blocks before it stay whole.
        """
        if self.folder is None:
            return
        held = io.BytesIO()
        named: dict[str, Any] = {k: np.asarray(v) for k, v in arrays.items()}
        np.savez_compressed(held, **named)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / MANIFEST).is_file():
                text = json.dumps(self._made_from, indent=2, sort_keys=True)
                self._write(MANIFEST, text.encode())
            self._write(_name(start, count), held.getvalue())
        except OSError as error:
            raise self._failed(error) from error

    def clear(self) -> None:
        """Remove the blocks once the result is written."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _failed(self, error: OSError) -> OreserveError:
        message = (
            f"cannot write a checkpoint to {self.folder}: {error.strerror or error}; "
            f"the blocks that were finished before are whole: make room and run the "
            f"same command again to go on from them"
        )
        return OreserveError(message)

    def _write(self, name: str, content: bytes) -> None:
        assert self.folder is not None
        handle, made = tempfile.mkstemp(dir=self.folder, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(made, self.folder / name)  # noqa: PTH105 - atomic, as said
        except BaseException:
            if os.path.exists(made):  # noqa: PTH110
                os.unlink(made)  # noqa: PTH108
            raise


def _name(start: int, count: int) -> str:
    return f"scenarios-{start:07d}-{start + count - 1:07d}.npz"


def _ranges(folder: Path) -> list[tuple[int, int]]:
    """Return first number and the one after the last of each block, in order."""
    found = []
    for path in folder.glob("scenarios-*.npz"):
        first, _, last = path.stem.removeprefix("scenarios-").partition("-")
        found.append((int(first), int(last) + 1))
    return sorted(found)


def _reach(ranges: list[tuple[int, int]]) -> int:
    """Return up to where blocks follow one another without a hole."""
    reach = 0
    for first, stop in ranges:
        if first <= reach:
            reach = max(reach, stop)
    return reach


def _compare(manifest: Path, made_from: Mapping[str, str]) -> None:
    """Refuse blocks of something else, and say what differs."""
    try:
        held = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = {}
    differs = [
        f"{name}: {held.get(name, 'none')} there, {made_from.get(name, 'none')} now"
        for name in sorted({*held, *made_from})
        if held.get(name) != made_from.get(name)
    ]
    if differs:
        message = (
            f"{manifest.parent}: an interrupted simulation of something else lies "
            f"here ({'; '.join(differs)}); run it as it was to finish it, or delete "
            f"the folder to start afresh"
        )
        raise InputError(message)
