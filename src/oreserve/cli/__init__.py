# SPDX-License-Identifier: Apache-2.0
"""The command line: read the words, call one function, print what came back."""

from __future__ import annotations

from oreserve.cli._app import app, main

__all__ = ["app", "main"]
