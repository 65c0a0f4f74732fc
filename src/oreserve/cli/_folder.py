# SPDX-License-Identifier: Apache-2.0
"""An output folder that appears whole or not at all."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_target", "whole_folder"]

# One of them makes a folder a result.
MARKERS = ("plan.json", "outcome.json", "watch.json", "assess.json")
OURS = frozenset({".csv", ".html", ".ics", ".json", ".parquet", ".xlsx"})


def check_target(target: Path) -> None:
    """Refuse a target that is not free and not an earlier result.

    Checked before the work starts, so that nobody waits for a refusal.

    Raises
    ------
    InputError
        If `target` is a file, or a folder that Oreserve did not write.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        message = f"--out {target} is not a folder; choose a new or an empty folder"
        raise InputError(message)
    if not target.exists():
        return
    entries = sorted(target.iterdir())
    foreign = [e.name for e in entries if e.is_dir() or e.suffix not in OURS]
    is_result = any((target / marker).is_file() for marker in MARKERS)
    if entries and (foreign or not is_result):
        named = ", ".join(foreign[:3] or [e.name for e in entries[:3]])
        message = (
            f"--out {target} holds files that are no earlier Oreserve result "
            f"({named}); choose a new or an empty folder"
        )
        raise InputError(message)


@contextmanager
def whole_folder(target: Path | None) -> Iterator[Path]:
    """Give a scratch folder that becomes `target` only if all went well.

    With no target the scratch folder is thrown away at the end.
    """
    if target is None:
        with tempfile.TemporaryDirectory(prefix="oreserve-") as scratch:
            yield Path(scratch)
        return
    check_target(target)
    from oreserve.study import whole_folder as replaced_whole

    target = target.absolute()
    missing = [p for p in (target.parent, *target.parent.parents) if not p.exists()]
    marker = next((m for m in MARKERS if (target / m).is_file()), MARKERS[0])
    try:
        with replaced_whole(target, marker=marker) as scratch_path:
            yield scratch_path
    except BaseException:
        for folder in missing:  # deepest first; only while still empty
            try:
                folder.rmdir()
            except OSError:
                break
        raise
