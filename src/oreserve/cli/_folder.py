# SPDX-License-Identifier: Apache-2.0
"""An output folder that appears whole or not at all."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oreserve.cli._guard import running
from oreserve.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_target", "whole_folder"]

# One of them makes a folder a result, of that command.
MARKERS = {
    "plan.json": "plan",
    "policy.json": "policy",
    "outcome.json": "simulate",
    "watch.json": "watch",
    "assess.json": "assess",
}
OURS = frozenset({".csv", ".html", ".ics", ".json", ".npz", ".parquet", ".xlsx"})


def check_target(target: Path) -> None:
    """Refuse a target that is not free and not an earlier result of the same kind.

    Only the same command on the same study replaces a result. Checked before the
    work starts, so that nobody waits for a refusal.

    Raises
    ------
    InputError
        If `target` is a file, a folder that Oreserve did not write, or the result
        of another command or study.
    """
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        message = f"--out {target} is not a folder; choose a new or an empty folder"
        raise InputError(message)
    if not target.exists():
        return
    entries = sorted(target.iterdir())
    foreign = [e.name for e in entries if e.is_dir() or e.suffix not in OURS]
    markers = [marker for marker in MARKERS if (target / marker).is_file()]
    is_result = bool(markers)
    if entries and (foreign or not is_result):
        named = ", ".join(foreign[:3] or [e.name for e in entries[:3]])
        message = (
            f"--out {target} holds files that are no earlier Oreserve result "
            f"({named}); choose a new or an empty folder"
        )
        raise InputError(message)
    for marker in markers:
        _refuse_other_result(target, marker)


def _refuse_other_result(target: Path, marker: str) -> None:
    """Refuse to replace a result that this command did not write for this study."""
    now = running()
    if now is None:
        return  # no command runs: the caller decides
    command = now.name
    study = _study_name(now.options.get("study"))
    held = _study_of(target / marker)
    if MARKERS[marker] == command and held in {study, None}:
        return  # a head that says no study is broken: the same command mends it
    whose = f"study {held}" if held else "an unknown study"
    message = (
        f"--out {target} holds the result of `oreserve {MARKERS[marker]}` on {whose}; "
        f"only the same command on the same study replaces it: name another folder "
        f"for `oreserve {command}` on study {study}, or delete this one first"
    )
    raise InputError(message)


def _study_of(head: Path) -> str | None:
    """Return the study that the head of a result names."""
    try:
        content = json.loads(head.read_text(encoding="utf-8"))
        return str(content["study"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _study_name(study: object) -> str | None:
    """Return the name of the study that a person gave as name or path."""
    if study is None:
        return None
    from oreserve.study import study_name

    return study_name(str(study))


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
    marker = next((m for m in MARKERS if (target / m).is_file()), "plan.json")
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
