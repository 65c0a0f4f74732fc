# SPDX-License-Identifier: Apache-2.0
"""One module per revision, in the order of their numbers."""

from __future__ import annotations
