# SPDX-License-Identifier: Apache-2.0
"""Reports: one HTML file for people, one workbook for their spreadsheets."""

from __future__ import annotations

from oreserve.report._excel import write_excel
from oreserve.report._exposure import write_assessment
from oreserve.report._html import write_report
from oreserve.report._shocks import write_shocks

__all__ = ["write_assessment", "write_excel", "write_report", "write_shocks"]
