# SPDX-License-Identifier: Apache-2.0
"""Tasks on a cluster: actors of Ray that hold the states.

`RAY_ADDRESS` names a cluster that runs; without it one is started on this machine
for this program alone: it listens on 127.0.0.1 only and sends nothing to anybody.
An actor that is lost is made again, on another node if need be, and runs its task
again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sys
import threading
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from oreserve.errors import InputError, OreserveError
from oreserve.stochastic._lanes import LaneSession, open_lanes
from oreserve.stochastic._wire import ENVIRONMENT, answer, dumps, loads, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

__all__ = ["RayExecutor"]

S = TypeVar("S")

RESTARTS, TRIES = 100, 3
"""How often an actor is made again, and how often for the same task."""
PATIENCE_S = 120.0
"""How long the cluster may take to place the actors."""

MISSING = "the executor 'ray' needs the package ray: pip install 'oreserve[ray]'"

LOOPBACK = ("127.0.0.1", "::1")

_LOCAL = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # The name says Windows; its effect anywhere is that a cluster started here is
    # for this machine only, and its servers listen on the loopback address.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    # Other users of this machine reach the loopback address too. Without a token
    # Ray would write one of its own into the home folder.
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
}


_QUIET = {
    # Ray tells on standard output, where a result may be expected, that an actor was
    # lost; it is replaced, and who gives up says so.
    "RAY_DEDUP_LOGS_SKIP_REGEX": (
        r"^Task _Actor\.run failed|^A worker died or was killed"
    ),
}
"""Read when Ray is loaded; what the user has set stands."""


class RayExecutor:
    """A state per actor; one CPU of the cluster each.

    Parameters
    ----------
    workers
        Actors.
    """

    def __init__(self, workers: int) -> None:
        if find_spec("ray") is None:
            raise OreserveError(MISSING)
        self.name = "ray"
        self.workers = workers

    def open(self, factory: Callable[..., S], *arguments: object) -> LaneSession[S]:
        """Start the actors and make their states."""
        specification = dumps((factory, arguments))
        ray = _hold(self.workers)
        try:
            _check_room(ray, self.workers)
            kind = ray.remote(
                num_cpus=1,
                max_restarts=RESTARTS,
                max_task_retries=TRIES,
                runtime_env={"env_vars": _variables()},
            )(_Actor)
            # In a list it is not fetched for each task but by an actor once.
            stored = [ray.put(specification)]
            lanes = [_Lane(ray, kind.remote(), stored) for _ in range(self.workers)]
        except BaseException:
            _release()
            raise
        return open_lanes(lanes, _release)

    def __enter__(self) -> Self:
        """Keep the cluster for several sessions."""
        ray = _hold(self.workers)
        try:
            _check_room(ray, self.workers)
        except BaseException:
            _release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, if it was started here and no session is open."""
        _release()


class _Actor:
    """Lives on a node; its errors come back as answers, so that none is wrapped."""

    def __init__(self) -> None:
        self._state: Any = None
        self._made: bytes | None = None

    def run(self, stored: list[Any], message: bytes | None) -> bytes:
        """Run a task; the state is made first, again if the actor was lost."""

        def make() -> None:
            factory, arguments = loads(_library().get(stored[0]))
            self._state = factory(*arguments)

        def work() -> Any:
            assert message is not None
            function, task = loads(message)
            return function(self._state, task)

        if self._made is None:
            self._made = answer(make)
        if message is None or not loads(self._made)[0]:
            return self._made
        return answer(work)


class _Lane:
    """An actor."""

    def __init__(self, ray: Any, actor: Any, stored: list[Any]) -> None:
        self._ray = ray
        self._actor = actor
        self._stored = stored
        self._closed = False

    def ready(self) -> None:
        try:
            made = self._ray.get(self._ask(None), timeout=PATIENCE_S)
        except self._ray.exceptions.GetTimeoutError as error:
            message = (
                f"the cluster placed no actor within {PATIENCE_S:.0f} s; its CPUs are "
                "taken by other work, or Oreserve is not installed on its nodes"
            )
            raise OreserveError(message) from error
        except self._ray.exceptions.RayError as error:
            raise self._lost(error) from error
        opened(made)

    def run(self, function: Callable[[Any, Any], Any], task: Any) -> Any:
        message = dumps((function, task))
        try:
            reply = self._ray.get(self._ask(message))
        except self._ray.exceptions.RayError as error:
            raise self._lost(error) from error
        return opened(reply)

    def _ask(self, message: bytes | None) -> Any:
        return self._actor.run.remote(self._stored, message)

    def close(self) -> None:
        self._closed = True
        # A cluster that is gone has no actor left to end.
        with contextlib.suppress(self._ray.exceptions.RayError, RuntimeError):
            self._ray.kill(self._actor)

    def _lost(self, error: Exception) -> OreserveError:
        if self._closed:
            return OreserveError("this session of the executor is closed")
        first = str(error).strip().partition("\n")[0]
        return OreserveError(
            f"the cluster lost a worker {TRIES + 1} times in the same task, perhaps "
            f"for want of memory; it says: {first}"
        )


_guard = threading.Lock()
_held = {"count": 0, "ours": False}


def _hold(workers: int) -> Any:
    """Return Ray, connected; the first holder starts it."""
    address = os.environ.get("RAY_ADDRESS")
    quiet = {k: v for k, v in _QUIET.items() if k not in os.environ}
    with _guard, _environment(quiet | ({} if address else _LOCAL)):
        ray = _library()
        if not _held["count"] and not ray.is_initialized():
            _connect(ray, address, workers)
            _held["ours"] = True
        _held["count"] += 1
    return ray


def _release() -> None:
    """Stop what `_hold` has started when the last holder lets go."""
    with _guard:
        _held["count"] -= 1
        if not _held["count"] and _held["ours"]:
            _held["ours"] = False
            with _quiet():
                _library().shutdown()


def _connect(ray: Any, address: str | None, workers: int) -> None:
    place: dict[str, Any] = (
        {"address": address}
        if address
        else {"num_cpus": workers, "include_dashboard": False}
    )
    try:
        with _quiet():
            ray.init(**place, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        with _quiet():
            ray.shutdown()
        message = (
            f"cannot connect to the cluster at RAY_ADDRESS={address}: {error}"
            if address
            else f"cannot start a cluster on this machine: {error}"
        )
        raise OreserveError(message) from error
    here = ray.util.get_node_ip_address()
    if not address and here not in LOOPBACK:
        with _quiet():
            ray.shutdown()
        message = (
            f"the cluster on this machine would listen on {here}, because this program "
            "imported ray before the executor did; import it later, or set "
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER=0"
        )
        raise OreserveError(message)


def _variables() -> dict[str, str]:
    """Return the actors' variables; on this machine they find what is found here."""
    if os.environ.get("RAY_ADDRESS"):
        return ENVIRONMENT
    return {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _check_room(ray: Any, workers: int) -> None:
    """Refuse more actors than the cluster has CPUs: they would wait for ever."""
    room = int(ray.cluster_resources().get("CPU", 0))
    if workers > room:
        message = f"{workers} workers are asked for; the cluster has {room} CPUs"
        raise InputError(message)


def _library() -> Any:
    try:
        with _quiet():
            import ray
    except ImportError as error:
        raise OreserveError(MISSING) from error
    return ray


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep a library's remarks on itself from a user who cannot act on them."""
    remarks = logging.getLogger("ray._private.authentication")
    level = remarks.level
    remarks.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        remarks.setLevel(level)


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables that Ray reads when it is loaded and started."""
    # Ray sets the mode itself when it starts a cluster.
    before = {name: os.environ.get(name) for name in (*values, "RAY_AUTH_MODE")}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
