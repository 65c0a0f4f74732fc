# SPDX-License-Identifier: Apache-2.0
"""Turn whatever goes wrong into one message and an exit code.

0 done, 1 the input is wrong, 2 usage, 3 no solution, 130 interrupted, 141 the reader
of the output went away. `watch` adds
10: done, and alerts reach the level of --fail-on.
"""

from __future__ import annotations

import errno
import functools
import os
import sys
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, ParamSpec

import typer

from oreserve.errors import InfeasibleError, InputError, OreserveError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["INTERRUPTED", "Running", "guarded", "running"]

INTERRUPTED = 130  # 128 + SIGINT, as shells say it
PIPE_CLOSED = 141  # 128 + SIGPIPE
REPORT_AT = "https://github.com/oreserve/oreserve/issues"

P = ParamSpec("P")


@dataclass(frozen=True)
class Running:
    """The command that runs, as a person typed it, and its options."""

    name: str
    options: Mapping[str, object]


_RUNNING: ContextVar[Running | None] = ContextVar("running", default=None)


def running() -> Running | None:
    """Return the command that runs; None outside of one."""
    return _RUNNING.get()


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that no traceback reaches a user.

    `ORESERVE_DEBUG=1` in the environment lets the traceback through.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        name = command.__name__.partition("_")[0]  # assess_study is `assess`
        token = _RUNNING.set(Running(name, kwargs))
        try:
            command(*args, **kwargs)
            sys.stdout.flush()  # a closed pipe shows here, not at the exit of Python
        except typer.Exit:
            raise
        except BrokenPipeError:
            _leave_pipe()
        except KeyboardInterrupt:
            _stop(_interrupted(), INTERRUPTED)
        except BaseException as error:
            if os.environ.get("ORESERVE_DEBUG") or isinstance(error, SystemExit):
                raise
            _stop(*_explain(error))
        finally:
            _RUNNING.reset(token)

    return run


def _interrupted() -> str:
    """Say what an interrupt left; long runs with a folder keep their stages."""
    now = running()
    start = "Interrupted; nothing was left half-written."
    out = None if now is None else now.options.get("out")
    if now is None or not isinstance(out, Path):
        return start
    if now.options.get("scenarios") and now.name == "simulate":
        from oreserve.planning._blocks import blocks_folder, kept_scenarios

        done = kept_scenarios(out)
        if not done:
            return f"{start} No block of scenarios was finished yet."
        return (
            f"{start} {done:,} of {now.options['scenarios']:,} scenarios are kept in "
            f"{blocks_folder(out)}: run the same command again to resume from there."
        )
    if now.name not in {"plan", "policy"}:
        return start
    folder = out.parent / f".{out.name}.resume"
    where = f" ({folder})" if folder.is_dir() else ""
    return (
        f"{start} Run the same command again to resume after the last finished "
        f"stage{where}."
    )


def _leave_pipe() -> NoReturn:
    """Leave quietly when the reader of the output has enough, as `head` has."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(PIPE_CLOSED)


def _explain(error: BaseException) -> tuple[str, int]:
    """Return the message and the exit code for an exception."""
    if isinstance(error, InfeasibleError):
        return f"No solution: {error}", error.exit_code
    if isinstance(error, InputError):
        return f"Input error: {error}{_allowed(error)}", error.exit_code
    if isinstance(error, OreserveError):
        return f"Error: {error}", error.exit_code
    if isinstance(error, OSError):
        return _explain_os(error), 1
    if isinstance(error, MemoryError):
        return (
            "Out of memory. Fewer --scenarios, fewer --workers or a study with "
            "fewer items needs less."
        ), 1
    name = type(error).__name__
    first_line = (str(error).splitlines() or [""])[0]
    return (
        f"Oreserve met an error of its own ({name}: {first_line}). Nothing was left "
        f"half-written. Please report it at {REPORT_AT} with the command you ran; "
        "ORESERVE_DEBUG=1 shows the place."
    ), 1


def _allowed(error: InputError) -> str:
    """Say what a refusal of the reserve would allow, as its pages do."""
    allowed = getattr(error, "allowed", None)
    if allowed is None or getattr(error, "rule", None) == "arguments":
        return ""  # the message names wrong arguments and known ones already
    from oreserve.cli._words import allowed_text

    text = allowed_text(allowed)
    return f"\nAllowed: {text}" if text and text not in str(error) else ""


def _explain_os(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"The disk is full{where}; nothing was left half-written. Free some "
            "space or choose another --out."
        )
    if isinstance(error, FileNotFoundError):
        return (
            f"A file or folder vanished while it was being used{where}. "
            "Put it back and run again."
        )
    if isinstance(error, PermissionError):
        return f"Not allowed to read or write{where}. Choose another --out or study."
    return f"The system refused to read or write: {error.strerror or error}{where}."


def _stop(message: str, code: int) -> NoReturn:
    sys.stdout.flush()
    typer.secho(message, err=True, fg=typer.colors.RED if sys.stderr.isatty() else None)
    raise typer.Exit(code)
