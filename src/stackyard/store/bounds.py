"""What a Hub may cost whoever asks it: bytes of an answer, no packing, and seconds of a whole call.

A Hub can be anybody's, and answers before any signature is checked. In: the client that
huggingface_hub speaks through. Out: the same, bounded. Always holds: an answer is cut at the most that
it can be; one that is packed is refused, as a few bytes can unpack to any number; a call ends by
its deadline however slowly its bytes, headers included, drip.

The clients' own timeouts count from one byte to the next; so the deadline is asked for at each read and
write of the line.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx2

from stackyard.errors import EnvironmentFault, VerificationError

CALL_SECONDS = 300.0
"""Of one question, with its tries and waits: a Hub under load asks for a minute, some times."""

RATE_MIN_BYTES = 65_536
"""A second: a download may take longer by its size at this rate, that of a bad telephone line."""

RATE_BYTES = 1 << 20
"""A second: the same for a file whose size nobody has signed yet, where a bound stands for the size."""

ANSWER_MAX_BYTES = 32 << 20
"""Of JSON: 1,000 files are 300 KB of a tree, 10,000 tags 2 MB of refs."""

ERROR_MAX_BYTES = 65_536
"""Of an error or a redirect: what it says is shown in one line."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
_body_max: ContextVar[int | None] = ContextVar("body_max", default=None)


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Ends calls of this thread that take longer, all of them together; the nearest deadline counts.

    Raises:
        EnvironmentFault: (inside) there is no time left.
    """
    mine, outer = time.monotonic() + seconds, _deadline.get()
    token = _deadline.set(mine if outer is None else min(mine, outer))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def body(size_max_bytes: int) -> Iterator[None]:
    """Lets answers of this thread be so large: a file, whose size is known."""
    token = _body_max.set(size_max_bytes)
    try:
        yield
    finally:
        _body_max.reset(token)


def seconds_left(wanted: float | None = None) -> float | None:
    """What is left of the time, at most what is wanted; None for no bound.

    Raises:
        EnvironmentFault: nothing.
    """
    until = _deadline.get()
    if until is None:
        return wanted
    left = until - time.monotonic()
    if left <= 0:
        raise EnvironmentFault(
            "the Hub takes too long to answer: it sends, but does not come to an end",
            next_step="run the command again later; if it stays so, ask who runs the Hub",
        )
    return left if wanted is None else min(wanted, left)


def bound(client: httpx2.Client) -> httpx2.Client:
    """The client, bounded; its proxies too."""
    client.headers["Accept-Encoding"] = "identity"
    client.event_hooks["response"] = [*client.event_hooks["response"], _bound_answer]
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001 - no public way
        pool = getattr(transport, "_pool", None)
        if pool is not None:
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001
    return client


def _bound_answer(response: httpx2.Response) -> None:
    """Before the body of an answer is read: no packing, and no more bytes than it can have."""
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in {"", "identity"}:
        raise VerificationError(
            "the Hub packs its answer, though it was asked not to",
            expected="no Content-Encoding",
            found=packing[:40],
        )
    response.stream = _Cut(response.stream, _size_max(response))


def _size_max(response: httpx2.Response) -> int:
    if response.status_code >= httpx2.codes.MULTIPLE_CHOICES:
        return ERROR_MAX_BYTES
    asked = response.request.headers.get("Range", "")
    first, _, last = asked.removeprefix("bytes=").partition("-")
    if response.status_code == httpx2.codes.PARTIAL_CONTENT and last.isdecimal():
        return int(last) + 1 - int(first or 0)
    return _body_max.get() or ANSWER_MAX_BYTES


class _Cut(httpx2.SyncByteStream):
    """The bytes of an answer, refused beyond its bound."""

    def __init__(self, inner: Any, size_max_bytes: int) -> None:
        self._inner, self._size_max_bytes = inner, size_max_bytes

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._inner:
            size += len(part)
            if size > self._size_max_bytes:
                raise VerificationError(
                    "the Hub sends more than an answer can have",
                    expected=f"at most {self._size_max_bytes} bytes",
                )
            yield part

    def close(self) -> None:
        self._inner.close()


class _Backend:
    """Connections that know the deadline: what httpcore2 calls a network backend."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Line:
        return _Line(
            self._inner.connect_tcp(
                host, port, seconds_left(timeout), local_address, socket_options
            )
        )

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> _Line:
        return _Line(self._inner.connect_unix_socket(path, seconds_left(timeout), socket_options))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds_left(seconds) or 0.0)


class _Line:
    """A line whose every read and write knows the deadline: a network stream of httpcore2."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return bytes(self._inner.read(max_bytes, seconds_left(timeout)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, seconds_left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> _Line:
        return _Line(self._inner.start_tls(ssl_context, server_hostname, seconds_left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
