"""What a request would remove, before it removes anything.

In: the files and origins of the last build, the rows of releases, one request. Out: a `Preview` and
its digest, which whoever asks confirms. Always holds: the preview lists exactly the files that
`matching.match` drops once the request is in force; equal inputs give an equal digest; the digest,
which the log publishes, tells nobody what was asked for who has not the request's salt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from stackyard.optout.authors import Authors
from stackyard.optout.matching import claims_of, match_requests
from stackyard.optout.params import Params
from stackyard.optout.registry import Request
from stackyard.params import canonical_json
from stackyard.record import DECISIONS, FILE_KEY, hex_column


@dataclass(frozen=True)
class Preview:
    """What would go and what would stay.

    Attributes:
        request: its id.
        scope: what it names, as text.
        files: what goes (schema DECISIONS).
        released: version -> rows (repo_name, path) of that release that go or lose their name.
        stays: contents that go from here but stay in the dataset, as others offer them: blob_id (hex),
            `repo_name` and `path` of the first other file by name, `others` (how many there are).
        representatives: version -> rows of it that stand for copies which stay: another takes their place.
        salt: of the request's commitment.
        authors_known_of: of a request for an author: revisions whose authors are known.
    """

    request: str
    scope: str
    files: pa.Table
    released: Mapping[str, pa.Table]
    stays: pa.Table
    representatives: Mapping[str, int]
    salt: bytes = field(repr=False)
    authors_known_of: int | None = None

    @property
    def digest(self) -> str:
        """Hex SHA-256 over `stackyard-optout-preview/1`, a newline, the salt, and the JSON of `plain`.

        Without the salt, whoever guesses a name could make its preview from public files and compare.
        """
        label = b"stackyard-optout-preview/1\n"
        return hashlib.sha256(label + self.salt + canonical_json(self.plain())).hexdigest()

    def plain(self) -> dict[str, Any]:
        """As JSON, with every file."""
        known = {"authors_known_of": self.authors_known_of}
        return {
            **(known if self.authors_known_of is not None else {}),
            "files": [
                [row["repo_name"], row["revision_id"], row["path"], row["rule"]]
                for row in self.files.to_pylist()
            ],
            "released": {
                version: [[row["repo_name"], row["path"]] for row in rows.to_pylist()]
                for version, rows in self.released.items()
            },
            "representatives": dict(self.representatives),
            "request": self.request,
            "scope": self.scope,
            "stays": [list(row.values()) for row in self.stays.to_pylist()],
        }


def preview(
    request: Request,
    files: pa.Table,
    origins: pa.Table,
    params: Params,
    *,
    releases: Mapping[str, pa.Table],
    near: pa.Table | None = None,
    authors: Authors | None = None,
) -> Preview:
    """The preview of one request.

    Args:
        request: what is asked.
        files: schema FILES, of the last build, opted-out ones left out.
        origins: schema ORIGINS.
        params: as for `match`.
        releases: version -> released rows with repo_name, path, blob_id and origins.
        near: as for `match`.
        authors: as for `match`.
    """
    gone = match_requests(files, origins, [request], params, near, authors=authors)
    return Preview(
        request.request,
        f"{request.selector.kind} {request.selector}"
        + (", and forks of its repositories" if request.forks else ""),
        gone,
        {version: _named(rows, gone) for version, rows in sorted(releases.items())},
        _stays(files, gone),
        {version: _represented(rows, gone) for version, rows in sorted(releases.items())},
        request.salt,
        authors.known_of if authors and request.selector.kind == "author" else None,
    )


def _named(rows: pa.Table, gone: pa.Table) -> pa.Table:
    """Claims of released rows that are among the files that go, sorted, each once."""
    names = ["repo_name", "path"]
    claims = claims_of(rows).select(names).group_by(names, use_threads=False).aggregate([])
    asked = gone.select(names).group_by(names, use_threads=False).aggregate([])
    both = claims.join(asked, keys=names, join_type="left semi")
    return both.select(names).sort_by([(name, "ascending") for name in names])


def _represented(rows: pa.Table, gone: pa.Table) -> int:
    """Rows whose own file goes while another origin of them stays."""
    if "origins" not in rows.column_names:
        return 0
    keys = set(zip(gone["repo_name"].to_pylist(), gone["path"].to_pylist(), strict=True))
    own = zip(rows["repo_name"].to_pylist(), rows["path"].to_pylist(), strict=True)
    hit = [index for index, key in enumerate(own) if key in keys]
    others = rows["origins"].take(pa.array(hit, pa.int64())).to_pylist()
    return sum(
        any((other["repo_name"], other["path"]) not in keys for other in group or ())
        for group in others
    )


def _stays(files: pa.Table, gone: pa.Table) -> pa.Table:
    """Contents of files that go which other files, that stay, offer as well."""
    blobs = pc.unique(gone["blob_id"]).drop_null()
    offered = files.filter(pc.is_in(files["blob_id"], value_set=blobs))
    others = offered.join(gone.select(FILE_KEY), keys=list(FILE_KEY), join_type="left anti")
    order = [("blob_id", "ascending"), *((name, "ascending") for name in FILE_KEY)]
    others = others.sort_by(order)
    grouped = others.group_by("blob_id", use_threads=False).aggregate(
        [("repo_name", "first"), ("path", "first"), ("path", "count")]
    )
    return pa.table(
        {
            "blob_id": hex_column(grouped["blob_id"].cast(DECISIONS.field("blob_id").type)),
            "repo_name": grouped["repo_name_first"],
            "path": grouped["path_first"],
            "others": grouped["path_count"],
        }
    ).sort_by("blob_id")
