# SPDX-License-Identifier: Apache-2.0
"""Studies: load, check, save, overlay; effects, shocks and prices of a study."""

from __future__ import annotations

from oreserve.study._home import find_home
from oreserve.study._load import check_study, load_study, studies, study_name
from oreserve.study._problems import CheckReport, StudyError
from oreserve.study._save import whole_folder
from oreserve.study._settings import Settings
from oreserve.study._study import Study
from oreserve.study.effects import driver_state_effects, measure_effects
from oreserve.study.prices import BasePrice, base_price, base_prices, purchase_price
from oreserve.study.projects import option_words, parse_delay, parse_ramp
from oreserve.study.scenario import Effect, Scenario
from oreserve.study.shocks import Shock, load_shock, shocks

__all__ = [
    "BasePrice",
    "CheckReport",
    "Effect",
    "Scenario",
    "Settings",
    "Shock",
    "Study",
    "StudyError",
    "base_price",
    "base_prices",
    "check_study",
    "driver_state_effects",
    "find_home",
    "load_shock",
    "load_study",
    "measure_effects",
    "option_words",
    "parse_delay",
    "parse_ramp",
    "purchase_price",
    "shocks",
    "studies",
    "study_name",
    "whole_folder",
]
