"""The registry's private part: selectors, salts, contacts, reasons, challenges and receipts.

One set of tables in one of three places, by the URL in STACKYARD_REGISTRY_URL (its password has no place
in a file under git):

    (none)                             SQLite, .stackyard/private/registry.sqlite
    age:  or  age:///path/to/file      one file, .stackyard/private/registry.age: SQLite in memory, and
                                       encrypted by age (https://age-encryption.org/v1) when it is
                                       written, whole; the identity is .stackyard/keys/private.agekey
    postgresql+pg8000://...            that database, or any other that SQLAlchemy knows

They also keep an index of the log (leaf hashes and the requests they are of), which is made anew
whenever it does not fit. Always holds: a change is there whole or not at all, whatever is killed when.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import rfc8785
import sqlalchemy as sa

from stackyard.errors import EnvironmentFault, UsageError, VerificationError
from stackyard.optout.authors import KEY_BYTES
from stackyard.optout.registry import Request
from stackyard.optout.requests import Reason
from stackyard.optout.selector import from_plain
from stackyard.store.sealed import Sealed

URL_VARIABLE = "STACKYARD_REGISTRY_URL"
AGE = "age:"
IDENTITY = "private.agekey"

_metadata = sa.MetaData()

_requests = sa.Table(
    "requests",
    _metadata,
    sa.Column("request", sa.String(20), primary_key=True),
    sa.Column("selector", sa.Text, nullable=False),
    sa.Column("copies", sa.String(8), nullable=False),
    sa.Column("past", sa.Boolean, nullable=False),
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
    sa.Column("contact", sa.String(320), nullable=False),
    sa.Column("forks", sa.Boolean, nullable=False, server_default=sa.false()),
)

_reasons = sa.Table(
    "reasons",
    _metadata,
    sa.Column("commitment", sa.String(64), primary_key=True),
    sa.Column("request", sa.String(20), nullable=False, index=True),
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
)

_challenges = sa.Table(
    "challenges",
    _metadata,
    sa.Column("request", sa.String(20), primary_key=True),
    sa.Column("nonce", sa.String(64), nullable=False),
    sa.Column("expires", sa.String(20), nullable=False),
)

_receipts = sa.Table(
    "receipts",
    _metadata,
    sa.Column("request", sa.String(20), primary_key=True),
    sa.Column("receipt", sa.LargeBinary, nullable=False),
)

_keys = sa.Table(
    "keys",
    _metadata,
    sa.Column("name", sa.String(20), primary_key=True),
    sa.Column("key", sa.LargeBinary(32), nullable=False),
)

_sources = sa.Table(
    "sources",
    _metadata,
    sa.Column("source", sa.String(200), primary_key=True),
    sa.Column("request", sa.String(20), nullable=False),
)

_leaves = sa.Table(
    "log_leaves",
    _metadata,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("request", sa.String(20), nullable=False, index=True),
    sa.Column("leaf", sa.LargeBinary(32), nullable=False),
)

_frontier = sa.Table(
    "log_state",
    _metadata,
    sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("nodes", sa.LargeBinary, nullable=False),
    sa.Column("previous_size", sa.Integer, nullable=False),
    sa.Column("previous_nodes", sa.LargeBinary, nullable=False),
    sa.Column("journal", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True)
class Index:
    """What the private part knows of the log: how far it goes, and the append that brought it there.

    Attributes:
        size: events after the last append.
        nodes: frontier of the Merkle tree then.
        previous_size, previous_nodes: the same before it.
        journal: what the last append writes; empty if there was none.
    """

    size: int
    nodes: list[bytes]
    previous_size: int
    previous_nodes: list[bytes]
    journal: bytes


class Private:
    """The private part of one project; close it when done.

    Args:
        folder: `.stackyard/private` of the project.
    """

    def __init__(self, folder: Path) -> None:
        url = os.environ.get(URL_VARIABLE) or _sqlite_url(folder)
        self._sealed: Sealed | None = None
        try:
            if url.startswith(AGE):
                self._sealed = Sealed(_age_path(url, folder), folder.parent / "keys" / IDENTITY)
                url = "sqlite://"
            sqlite = sa.make_url(url).get_backend_name() == "sqlite"
            self._engine = sa.create_engine(
                url,
                poolclass=sa.pool.StaticPool if sqlite else None,
                hide_parameters=True,  # an error shows what was to be done, not whose address it was
            )
            if sqlite:
                sa.event.listen(self._engine, "connect", _tune)
            content = self._sealed.read() if self._sealed is not None else None
            if content is not None:
                self._memory().deserialize(content)
            self._lay_tables()
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            self.close()
            raise EnvironmentFault(
                "the registry's private part cannot be opened",
                found=type(error).__name__,
                next_step=f"check .stackyard/private, or {URL_VARIABLE} and that its driver is "
                "installed (stackyard[registry])",
            ) from None  # SQLAlchemy's message may quote the URL, and with it a password
        except BaseException:
            self.close()
            raise

    def _memory(self) -> sqlite3.Connection:
        """The one connection of a database in memory."""
        with contextlib.closing(self._engine.raw_connection()) as borrowed:
            connection = borrowed.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        return connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One durable transaction.

        Raises:
            EnvironmentFault: the database takes nothing: its disk is full, or its server is gone.
        """
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise EnvironmentFault(
                "the registry's private part cannot be written; nothing of this was kept",
                found=type(error).__name__,
                next_step="look at the disk of .stackyard/private, or at the database's server",
            ) from None  # its message may quote what was to be written
        self._seal()

    def _seal(self) -> None:
        if self._sealed is not None:
            self._sealed.write(self._memory().serialize())

    def _lay_tables(self) -> None:
        """Makes what is not there yet, also in a private part of before forks and authors."""
        inspector = sa.inspect(self._engine)
        if inspector.has_table(_keys.name):
            return
        is_older = inspector.has_table(_requests.name)
        _metadata.create_all(self._engine)
        columns = inspector.get_columns(_requests.name) if is_older else []
        if is_older and all(column["name"] != "forks" for column in columns):
            added = sa.text("ALTER TABLE requests ADD COLUMN forks BOOLEAN NOT NULL DEFAULT false")
            with self._writing() as connection:
                connection.execute(added)
        self._seal()

    def close(self) -> None:
        engine = getattr(self, "_engine", None)
        if engine is not None:
            engine.dispose()
        if self._sealed is not None:
            self._sealed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(
        self,
        requests: Iterable[Request],
        reasons: Iterable[tuple[str, Reason]],
        leaves: Sequence[tuple[str, bytes]],
        index: Index,
        sources: Mapping[str, str],
        *,
        receipts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Keeps, in one durable transaction, all that an append to the log is made of.

        Args:
            requests: private parts of new requests.
            reasons: (request id, reason) that events commit to.
            leaves: (request id, leaf hash) of the new events, from `index.previous_size` on.
            index: the log after the append.
            sources: of imported requests, to their ids.
            receipts: of requests, by id; each takes the place of an earlier one.

        Raises:
            VerificationError: somebody else appended since `index` was read.
        """
        request_rows = [
            {
                "request": r.request,
                "selector": rfc8785.dumps(r.selector.plain()).decode(),
                "copies": r.copies,
                "past": r.past,
                "salt": r.salt,
                "contact": r.contact,
                "forks": r.forks,
            }
            for r in requests
        ]
        reason_rows = [
            {"commitment": r.commitment, "request": name, "salt": r.salt, "text": r.text}
            for name, r in reasons
        ]
        with self._writing() as connection:
            _advance_index(connection, leaves, index)
            if request_rows:
                connection.execute(_requests.insert(), request_rows)
            if reason_rows:
                connection.execute(_reasons.insert(), reason_rows)
            if sources:
                rows = [{"source": name, "request": r} for name, r in sources.items()]
                connection.execute(_sources.insert(), rows)
            _replace_receipts(connection, receipts or {})

    def requests(self) -> dict[str, Request]:
        """All requests by id, also those whose event was never appended."""
        with self._engine.connect() as connection:
            return {row.request: _request(row) for row in connection.execute(_requests.select())}

    def request(self, name: str) -> Request | None:
        with self._engine.connect() as connection:
            row = connection.execute(
                _requests.select().where(_requests.c.request == name)
            ).one_or_none()
        return None if row is None else _request(row)

    def reasons(self, name: str) -> list[str]:
        with self._engine.connect() as connection:
            query = sa.select(_reasons.c.text).where(_reasons.c.request == name)
            return sorted(connection.execute(query).scalars())

    def erase_contact(self, name: str) -> None:
        """Forgets who asked; what was asked stays, or it could not be honoured."""
        with self._writing() as connection:
            connection.execute(
                _requests.update().where(_requests.c.request == name).values(contact="")
            )
        self._vacuum()

    def erase_request(self, name: str) -> None:
        """Forgets a request that has ended: contact, selector, salt, reasons, receipt."""
        with self._writing() as connection:
            for table in (_requests, _reasons, _challenges, _receipts, _sources):
                connection.execute(table.delete().where(table.c.request == name))
        self._vacuum()

    def _vacuum(self) -> None:
        """Databases keep deleted bytes in free pages, and Postgres old rows in files, until then."""
        how = {"sqlite": "VACUUM", "postgresql": "VACUUM FULL"}.get(self._engine.dialect.name)
        if how is not None:
            with self._engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            ) as connection:
                if how == "VACUUM FULL":  # it waits for whoever reads, at most so long
                    connection.execute(sa.text("SET lock_timeout = '30s'"))
                try:
                    connection.execute(sa.text(how))
                except sa.exc.SQLAlchemyError as error:
                    raise EnvironmentFault(
                        f"the rows are deleted, but {how} failed, so their bytes are still on its disk",
                        found=type(error).__name__,
                        next_step="run the same command again when nobody else uses the database",
                    ) from None
            self._seal()

    def author_key(self) -> bytes:
        """The key that authors are named under (`optout.authors`); made when it is first asked for."""
        query = sa.select(_keys.c.key).where(_keys.c.name == "author")
        with self._engine.connect() as connection:
            known = connection.execute(query).scalar_one_or_none()
        if known is not None:
            return bytes(known)
        fresh = secrets.token_bytes(KEY_BYTES)
        with self._writing() as connection:
            connection.execute(_keys.insert().values(name="author", key=fresh))
        return fresh

    def set_challenge(self, name: str, nonce: str, expires: str) -> None:
        with self._writing() as connection:
            connection.execute(_challenges.delete().where(_challenges.c.request == name))
            connection.execute(
                _challenges.insert().values(request=name, nonce=nonce, expires=expires)
            )

    def challenge(self, name: str) -> tuple[str, str] | None:
        """(nonce, expiry) of a request's open challenge."""
        with self._engine.connect() as connection:
            row = connection.execute(
                _challenges.select().where(_challenges.c.request == name)
            ).one_or_none()
        return None if row is None else (row.nonce, row.expires)

    def end_challenge(self, name: str) -> None:
        """A nonce is good once."""
        with self._writing() as connection:
            connection.execute(_challenges.delete().where(_challenges.c.request == name))

    def set_receipts(self, receipts: Mapping[str, bytes]) -> None:
        with self._writing() as connection:
            _replace_receipts(connection, receipts)

    def receipts(self) -> dict[str, bytes]:
        """All receipts by the ids of their requests."""
        with self._engine.connect() as connection:
            return {row.request: row.receipt for row in connection.execute(_receipts.select())}

    def receipt(self, name: str) -> bytes | None:
        with self._engine.connect() as connection:
            query = sa.select(_receipts.c.receipt).where(_receipts.c.request == name)
            return connection.execute(query).scalar_one_or_none()

    def sources(self) -> dict[str, str]:
        """Source of an imported request -> its id."""
        with self._engine.connect() as connection:
            return {row.source: row.request for row in connection.execute(_sources.select())}

    def index(self) -> Index | None:
        """What is known of the log; None in a new or lost private part."""
        with self._engine.connect() as connection:
            row = connection.execute(_frontier.select()).one_or_none()
        if row is None:
            return None
        return Index(
            row.size,
            _split(row.nodes),
            row.previous_size,
            _split(row.previous_nodes),
            row.journal,
        )

    def reset_index(self, leaves: Sequence[tuple[str, bytes]], nodes: Sequence[bytes]) -> None:
        """Makes the index anew from the whole log: (request id, leaf hash) of all events."""
        index = Index(len(leaves), list(nodes), len(leaves), list(nodes), b"")
        with self._writing() as connection:
            connection.execute(_leaves.delete())
            connection.execute(_frontier.delete())
            _insert_leaves(connection, 0, leaves)
            connection.execute(_frontier.insert().values(one=1, **_state(index)))

    def leaves_of(self, name: str) -> list[tuple[int, bytes]]:
        """(sequence, leaf hash) of a request's events, in order."""
        with self._engine.connect() as connection:
            query = (
                sa.select(_leaves.c.sequence, _leaves.c.leaf)
                .where(_leaves.c.request == name)
                .order_by(_leaves.c.sequence)
            )
            return [(row.sequence, row.leaf) for row in connection.execute(query)]


def _replace_receipts(connection: sa.Connection, receipts: Mapping[str, bytes]) -> None:
    names = sorted(receipts)
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        connection.execute(_receipts.delete().where(_receipts.c.request.in_(part)))
        rows = [{"request": name, "receipt": receipts[name]} for name in part]
        connection.execute(_receipts.insert(), rows)


def _advance_index(
    connection: sa.Connection, leaves: Sequence[tuple[str, bytes]], index: Index
) -> None:
    """Moves the index on from where its reader found it; the row is locked until the end."""
    known = (
        _frontier.update()
        .where(_frontier.c.size == index.previous_size)
        .where(_frontier.c.nodes == b"".join(index.previous_nodes))
    )
    if connection.execute(known.values(**_state(index))).rowcount != 1:
        raise VerificationError(
            "somebody else appended to this registry at the same moment",
            next_step="bring registry/ up to date from where it is published, and do this again",
        )
    _insert_leaves(connection, index.previous_size, leaves)


def _insert_leaves(
    connection: sa.Connection, first: int, leaves: Sequence[tuple[str, bytes]]
) -> None:
    rows = [
        {"sequence": first + i, "request": name, "leaf": leaf}
        for i, (name, leaf) in enumerate(leaves)
    ]
    if rows:
        connection.execute(_leaves.insert(), rows)


def _state(index: Index) -> dict[str, Any]:
    return {
        "size": index.size,
        "nodes": b"".join(index.nodes),
        "previous_size": index.previous_size,
        "previous_nodes": b"".join(index.previous_nodes),
        "journal": index.journal,
    }


def _sqlite_url(folder: Path) -> str:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / "registry.sqlite"
    if not path.exists():
        path.touch(mode=0o600)
    return f"sqlite:///{path}"


def _age_path(url: str, folder: Path) -> Path:
    rest = url.removeprefix(AGE)
    if rest and not rest.startswith("///"):
        raise UsageError(
            f"{URL_VARIABLE} names no file",
            expected="age: for .stackyard/private/registry.age, or age:///absolute/path",
        )
    return Path(rest.removeprefix("//")) if rest else folder / "registry.age"


def _split(nodes: bytes) -> list[bytes]:
    return [nodes[i : i + 32] for i in range(0, len(nodes), 32)]


def _tune(connection: Any, _record: Any) -> None:
    """SQLite: one fsync a transaction (2 to 6 times faster than its other journals), all of it durable;
    what is deleted is overwritten.
    """
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _request(row: Any) -> Request:
    import json

    try:
        selector = from_plain(json.loads(row.selector))
    except (ValueError, UsageError) as error:
        raise EnvironmentFault(
            f"the private part of request {row.request} cannot be read",
            next_step="restore .stackyard/private from its backup",
        ) from error
    return Request(
        row.request,
        selector,
        row.copies,
        bool(row.past),
        row.salt,
        row.contact,
        bool(row.forks),
    )
