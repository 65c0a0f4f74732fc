# SPDX-License-Identifier: Apache-2.0
"""The operated reserve over HTTP: pages for people, an API for programs."""

from __future__ import annotations

from oreserve.errors import InputError

try:
    import fastapi as _fastapi
    import python_multipart as _multipart
except ModuleNotFoundError as _error:
    _message = f"the server needs {_error.name}: pip install 'oreserve[server]'"
    raise InputError(_message) from None

from oreserve.web._app import create_app
from oreserve.web._oidc import Provider, provider_from
from oreserve.web._settings import Settings

del _fastapi, _multipart

__all__ = ["Provider", "Settings", "create_app", "provider_from"]
