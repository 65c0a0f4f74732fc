# SPDX-License-Identifier: Apache-2.0
"""Plan for the tiny study and write the report: five lines.

Run: python examples/five_lines.py
"""

# %%
from __future__ import annotations

import oreserve as ors

study = ors.load_study("tiny")
plan = ors.plan(
    study, budget_usd=5e6, scenarios=8, verify=12, sensitivity=False, frontier=False
)
print(plan.summary())
ors.write_report(plan, "plan.html", study=study)
