# SPDX-License-Identifier: Apache-2.0
"""Reports: one HTML file for people, one workbook for their spreadsheets."""

from __future__ import annotations

from oreserve.report._excel import write_excel
from oreserve.report._html import write_report

__all__ = ["write_excel", "write_report"]
