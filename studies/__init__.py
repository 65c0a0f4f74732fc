# SPDX-License-Identifier: Apache-2.0
"""Builders of the bundled studies; they run at release, not for users."""
