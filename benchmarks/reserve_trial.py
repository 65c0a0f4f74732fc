# SPDX-License-Identifier: Apache-2.0
"""Long trials of the operated reserve: random commands, and writers that are killed.

The tests do the same in small. Both stop at the first thing that does not hold, with
the seed that shows it again; otherwise the last line is JSON with what was counted.

    python -m benchmarks.reserve_trial machine --commands 50000 --database sqlite
    python -m benchmarks.reserve_trial crash --kills 500 --database postgresql

PostgreSQL is started in a folder of its own, on loopback, and writes through to disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from oreserve import reserve as api  # noqa: E402
from reserve._crashing import Crashes  # noqa: E402
from reserve._servers import server  # noqa: E402
from reserve._walk import walk  # noqa: E402
from reserve.conftest import Clock, Desk, fill  # noqa: E402

if TYPE_CHECKING:
    from reserve._servers import Server

__all__ = ["crash", "machine"]


def machine(
    *, commands: int, length: int, seed: int, folder: Path, on: Server | None
) -> dict[str, Any]:
    """Walk reserve after reserve until so many commands were tried."""
    outcomes: Counter[tuple[str, str]] = Counter()
    walks = entries = 0
    while outcomes.total() < commands:
        where = str(folder / f"walk{walks}.db")
        if on is not None:
            on.command(f"CREATE DATABASE walk{walks}")
            where = f"{on.url}/walk{walks}"
        clock = Clock()
        began = time.monotonic()
        with api.create(where, name="Walk", administrator="ada", clock=clock) as store:
            fill(Desk(store, clock, where))
            going = walk(
                store,
                clock,
                steps=length,
                seed=seed + walks,
                # Across a socket the questions cost more than the commands.
                check_every=1 if on is None else 5,
                thorough_every=25 if on is None else 100,
                verify_every=length // 2,
            )
            outcomes += going.outcomes
            entries += store.head().sequence
        if on is not None:
            on.command(f"DROP DATABASE walk{walks} WITH (FORCE)")
        walks += 1
        _tell(
            f"walk {walks}, seed {seed + walks - 1}: {outcomes.total()} commands, "
            f"{time.monotonic() - began:.0f} s"
        )
    done = sum(n for (_, rule), n in outcomes.items() if rule == "done")
    by_command: dict[str, dict[str, int]] = {}
    for (command, rule), number in sorted(outcomes.items()):
        by_command.setdefault(command, {})[rule] = number
    return {
        "commands": outcomes.total(),
        "done": done,
        "refused": outcomes.total() - done,
        "walks": walks,
        "entries_replayed": entries,
        "never_done": sorted(
            name for name, found in by_command.items() if not found.get("done")
        ),
        "by_command": by_command,
    }


def crash(
    *, kills: int, seed: int, folder: Path, on: Server | None, server_every: int
) -> dict[str, Any]:
    """Kill so many writers."""
    trial = Crashes(seed, folder, server=on, server_every=server_every, tell=_tell)
    return dict(sorted(trial.run(kills).items()))


def _tell(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    """Run one trial and print what was counted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reserve_trial")
    parser.add_argument("trial", choices=("machine", "crash"))
    parser.add_argument(
        "--database", choices=("sqlite", "postgresql"), default="sqlite"
    )
    parser.add_argument("--commands", type=int, default=50_000)
    parser.add_argument("--length", type=int, default=2_000, help="commands a reserve")
    parser.add_argument("--kills", type=int, default=2_000)
    parser.add_argument(
        "--server-every", type=int, default=50, help="kills between the server's own"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where files of SQLite go")
    given = parser.parse_args()
    began = time.monotonic()
    # Whoever ends a trial ends its server with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with ExitStack() as held:
        folder = Path(tempfile.mkdtemp(prefix="oreserve-trial-", dir=given.folder))
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        on = held.enter_context(server()) if given.database == "postgresql" else None
        if given.trial == "machine":
            found = machine(
                commands=given.commands,
                length=given.length,
                seed=given.seed,
                folder=folder,
                on=on,
            )
        else:
            found = crash(
                kills=given.kills,
                seed=given.seed,
                folder=folder,
                on=on,
                server_every=given.server_every if on else 0,
            )
    used = resource.getrusage(resource.RUSAGE_SELF)
    found |= {
        "trial": given.trial,
        "database": given.database,
        "seed": given.seed,
        "wall_s": round(time.monotonic() - began, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
