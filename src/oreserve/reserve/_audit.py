# SPDX-License-Identifier: Apache-2.0
"""The audit trail: one entry per command, each sealed by the hash of the last.

An entry's hash covers every field and the hash before it, so no stored entry can be
altered, moved or taken out of the middle without breaking the chain behind it. Only
the newest entries could vanish together unseen: whoever wants to notice that writes
down the head (`Head`, a number and a hash) and gives it to verify.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

__all__ = [
    "START",
    "Entry",
    "Head",
    "canonical",
    "digest",
    "from_time_text",
    "seal",
    "time_text",
]

_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical(value: object) -> str:
    """Write a value as JSON that has one spelling only.

    Examples
    --------
    >>> canonical({"b": 1, "a": [None, "é"]})
    '{"a":[null,"é"],"b":1}'
    """
    return _ENCODER.encode(value)


def digest(value: object) -> str:
    """Return the SHA-256 of a value's canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def time_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC with microseconds, always 27 characters.

    Examples
    --------
    >>> time_text(datetime(2026, 3, 4, 5, 6, tzinfo=UTC))
    '2026-03-04T05:06:00.000000Z'
    """
    plain = moment.astimezone(UTC).replace(tzinfo=None)
    return plain.isoformat(timespec="microseconds") + "Z"


def from_time_text(text: str) -> datetime:
    """Read what `time_text` wrote."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True, order=True)
class Head:
    """The newest entry of a chain: note it down to notice a cut tail later.

    Parameters
    ----------
    sequence
        Number of the newest entry; 0 before the first.
    hash
        Its hash, 64 hexadecimal digits.
    """

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """Read ``sequence:hash``.

        Raises
        ------
        ValueError
            If the text has another form.
        """
        number, _, code = text.strip().partition(":")
        if not number.isdecimal() or len(code) != 64:  # digits of SHA-256
            message = f"head {text!r}: write the number, a colon and 64 digits"
            raise ValueError(message)
        return cls(int(number), code)


START: Final = Head(0, "0" * 64)
"""What the first entry names as its predecessor."""


@dataclass(frozen=True)
class Entry:
    """One entry as stored: texts are canonical JSON where they hold structure."""

    sequence: int
    at: str
    actor: str
    roles: str
    command: str
    subject: str | None
    reason: str
    key: str
    arguments: str
    result: str
    effects: str
    previous: str
    hash: str = ""


def seal(entry: Entry) -> str:
    """Return the hash that an entry must carry: of all its fields but the hash."""
    content = dict(vars(entry))
    del content["hash"]
    return digest(content)
