# SPDX-License-Identifier: Apache-2.0
"""How a server is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oreserve.web._oidc import Provider

__all__ = ["Settings"]

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Settings:
    """What may differ from one server to the next.

    Parameters
    ----------
    secure
        Whether people reach it by https: cookies and headers then say so.
    body_limit, upload_limit
        Bytes of a request, and of an uploaded workbook.
    trusted_proxies
        Addresses whose word about the client's address is believed.
    base_url
        How people reach it, where a provider must send them back to.
    provider
        Identity provider; None: local users only.
    invented
        Say on every page that all data are invented.
    demand_t_per_year
        Yearly demand by item, t, from a study: without it, cover is no data.
    """

    secure: bool = False
    body_limit: int = MEBIBYTE
    upload_limit: int = 8 * MEBIBYTE
    trusted_proxies: frozenset[str] = frozenset()
    base_url: str = ""
    provider: Provider | None = None
    invented: bool = False
    demand_t_per_year: Mapping[str, float] = field(default_factory=dict)
