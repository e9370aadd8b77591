"""The embedded Hub in this process: uvicorn in a thread, on loopback."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from stackyard.errors import EnvironmentFault
from stackyard.hub.app import PART_BYTES, create_app

HOST = "127.0.0.1"

START_SECONDS = 30.0
"""How long a server may take to answer; it takes milliseconds unless the machine is drowning."""

STOP_SECONDS = 5
"""How long requests that are under way may take to end when the server stops."""


def reach_loopback_directly() -> None:
    """Keeps HTTP clients of this process, and of those it starts, from asking a proxy for our servers.

    HTTP clients of Python take proxies from HTTP_PROXY and ask them for 127.0.0.1 too, unless NO_PROXY
    names it. Of its two spellings some read one and some the other.
    """
    told = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    names = [name.strip() for name in told.split(",") if name.strip()]
    every = ",".join([*names, *(host for host in (HOST, "localhost") if host not in names)])
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = every


class EmbeddedHub:
    """A Hub over a directory: `with EmbeddedHub(root) as hub: ... hub.endpoint`.

    Several may serve one directory, in this process and in others: writers lock each other out.

    Args:
        root: the directory; made if it is not there.
        port: a TCP port of 127.0.0.1; 0 takes a free one.

    Raises:
        EnvironmentFault: (from `start`) the port is taken, the directory cannot be used, or the server
            does not come up.
    """

    def __init__(self, root: Path, port: int = 0, *, part_bytes: int = PART_BYTES) -> None:
        self.root = root
        self._port = port
        self._part_bytes = part_bytes
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def endpoint(self) -> str:
        """The URL to give to clients as `endpoint=` or HF_ENDPOINT.

        Raises:
            EnvironmentFault: the server does not run.
        """
        if self._socket is None:
            raise EnvironmentFault("the embedded Hub is not started")
        return f"http://{HOST}:{self._socket.getsockname()[1]}"

    def start(self) -> Self:
        reach_loopback_directly()
        try:
            app = create_app(self.root, part_bytes=self._part_bytes)
        except OSError as error:
            raise EnvironmentFault(
                f"the embedded Hub cannot use its directory {self.root}: {error.strerror}",
                next_step="look at the disk and at who owns that directory",
            ) from error
        self._socket = _listen(self._port)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="critical",
            access_log=False,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="embedded-hub", daemon=True
        )
        self._thread.start()
        self._wait()
        return self

    def _wait(self) -> None:
        deadline = threading.Event()
        waited = 0.0
        while self._server is not None and not self._server.started:
            if self._thread is None or not self._thread.is_alive() or waited > START_SECONDS:
                self.stop()
                raise EnvironmentFault("the embedded Hub did not start", found=str(self.root))
            deadline.wait(0.01)
            waited += 0.01

    def wait(self) -> None:
        """Returns when the server has ended."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms a request else.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise EnvironmentFault(
            f"port {port} of {HOST} cannot be listened on: {error.strerror}",
            next_step="end what uses it, or pass another --port",
        ) from error
    return listener
