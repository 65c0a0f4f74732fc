# SPDX-License-Identifier: Apache-2.0
"""Revisions of the reserve's tables, forward only."""

from __future__ import annotations
