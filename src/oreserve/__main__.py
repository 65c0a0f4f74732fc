# SPDX-License-Identifier: Apache-2.0
"""Run the command line as `python -m oreserve`."""

from __future__ import annotations

import sys

from oreserve.cli import main

if __name__ == "__main__":
    sys.exit(main())
