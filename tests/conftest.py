"""Settings of all tests: properties have no deadline, since two cores are shared with other work."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("stackyard", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("stackyard")
