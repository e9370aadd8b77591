"""The embedded Hub: a Hub server over a directory, for the unmodified Hugging Face clients.

`create_app(root)` is the Starlette application; `EmbeddedHub(root)` runs it on loopback in this
process. Needs starlette and uvicorn (extras `build` and `web`), so the package imports them late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stackyard.hub.app import create_app
    from stackyard.hub.server import EmbeddedHub

__all__ = ["EmbeddedHub", "create_app"]


def __getattr__(name: str) -> Any:
    if name == "create_app":
        from stackyard.hub.app import create_app

        return create_app
    if name == "EmbeddedHub":
        from stackyard.hub.server import EmbeddedHub

        return EmbeddedHub
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
