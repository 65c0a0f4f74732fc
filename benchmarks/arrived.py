# SPDX-License-Identifier: Apache-2.0
"""Functions that a benchmark needs: one that is missing is named, nothing crashes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["NotThereYetError", "needs"]


class NotThereYetError(Exception):
    """A benchmark measures something that this version does not have."""


def needs(module: str, name: str) -> Any:
    """Return a function of a module, or say that it is not there yet.

    Only a lack of the very module or name counts: an error inside is an error.
    """
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as lacking:
        if lacking.name is None or not f"{module}.".startswith(f"{lacking.name}."):
            raise
        msg = f"{module}.{name}"
        raise NotThereYetError(msg) from None
    except AttributeError:
        msg = f"{module}.{name}"
        raise NotThereYetError(msg) from None
