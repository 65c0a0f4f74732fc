# SPDX-License-Identifier: Apache-2.0
"""What goes between a worker and its master: bytes, and errors that survive it.

Processes and clusters share one form, so that a task means the same in both.
"""

from __future__ import annotations

import io
import pickle
import traceback
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any

from oreserve.errors import InfeasibleError, InputError, OreserveError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ENVIRONMENT", "answer", "dumps", "loads", "opened"]

ENVIRONMENT = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "POLARS_MAX_THREADS",
    ),
    "1",
)
"""A worker is one of several: its libraries start no threads of their own."""


def _read_only(content: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(content)


class _Pickler(pickle.Pickler):
    """Pickle, with read-only mappings, without what another program cannot find."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, MappingProxyType):
            return _read_only, (dict(obj),)
        if isinstance(obj, type | FunctionType) and obj.__module__ == "__main__":
            message = (
                f"{obj.__qualname__} is defined in the script that runs; workers "
                "cannot load it from there. Put it into a module, or use the "
                "executor 'threads'"
            )
            raise InputError(message)
        return NotImplemented


def dumps(content: object) -> bytes:
    """Pickle; functions and classes go by the name of their module."""
    held = io.BytesIO()
    _Pickler(held, pickle.HIGHEST_PROTOCOL).dump(content)
    return held.getvalue()


def loads(content: bytes) -> Any:
    """Undo `dumps`; only ever read what this program's own workers have sent."""
    return pickle.loads(content)  # noqa: S301


def answer(call: Callable[[], object]) -> bytes:
    """Call and pack what comes out, a result or an error."""
    try:
        return dumps((True, call()))
    except Exception as error:  # noqa: BLE001 - raised again where it is awaited
        return dumps((False, _portable(error)))


def opened(content: bytes) -> Any:
    """Return the result in an answer, or raise its error."""
    worked, result = loads(content)
    if not worked:
        raise result
    return result


def _portable(error: Exception) -> Exception:
    """Return an error that another process can raise with the same message."""
    if not isinstance(error, OreserveError):
        # Not raised on purpose: whoever mends it needs the place.
        error.add_note("In a worker:\n" + "".join(traceback.format_exception(error)))
    try:
        back = loads(dumps(error))
        if type(back) is type(error) and str(back) == str(error):
            return error
    except Exception:  # noqa: BLE001, S110 - the message goes without its class
        pass
    for kind in (InputError, InfeasibleError, OreserveError):
        if isinstance(error, kind):
            return kind(str(error))
    return RuntimeError("".join(traceback.format_exception(error)))
