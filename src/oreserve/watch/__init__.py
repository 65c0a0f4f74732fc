# SPDX-License-Identifier: Apache-2.0
"""Watch a study: what crossed a line, what expires, what differs from before.

The package is callable, because `oreserve.watch` names both the package and its
verb: `oreserve.watch(study, on="2026-11-22")`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from oreserve.watch._alert import LEVELS, Alert, Evidence, Exposed
from oreserve.watch._lines import Lines
from oreserve.watch._result import Watch
from oreserve.watch._watch import watch

__all__ = ["LEVELS", "Alert", "Evidence", "Exposed", "Lines", "Watch", "watch"]


class _Verb(ModuleType):
    """The package as the verb that it is named for, whoever imported it first."""

    def __call__(self, *args: Any, **kwargs: Any) -> Watch:
        return watch(*args, **kwargs)


sys.modules[__name__].__class__ = _Verb
