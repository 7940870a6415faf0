"""The packaging hook: every wheel, source distribution and editable install has the current bundle.

pip calls it through hatchling. `bundle.py` does the work; this module knows only when it is due.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# hatchling loads this file by its path, without its neighbours.
sys.path.insert(0, str(Path(__file__).resolve().parent))

import bundle


class FrontendHook(BuildHookInterface[BuilderConfig]):
    """Builds the panel when its sources have changed since the bundle was made."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node from PyPI only when a build is due and the system has none."""
        if bundle.is_current() or bundle.system_npm():
            return []
        return [bundle.NODE_REQUIREMENT]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the bundle if it is due.

        `EPOCHLINE_SKIP_FRONTEND=1` leaves it out of editable installs, for work on the Python side
        without Node or network. Wheels ignore it: one without a panel must not exist.
        """
        if version == "editable" and os.environ.get("EPOCHLINE_SKIP_FRONTEND") == "1":
            return
        try:
            bundle.build()
        except bundle.FrontendError as error:
            self.app.abort(str(error))
