# SPDX-License-Identifier: Apache-2.0
"""Named problems with a size, measured against rivals in one run."""
