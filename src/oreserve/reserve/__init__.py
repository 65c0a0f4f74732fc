# SPDX-License-Identifier: Apache-2.0
"""The operated reserve."""

from __future__ import annotations
