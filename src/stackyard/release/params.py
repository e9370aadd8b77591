"""Parameters of the release stage and of publishing, sections `release` and `publish`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from stackyard.errors import UsageError

Edition = Literal["permissive", "no_license", "ids"]

_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")

_CONTACT = re.compile(
    r"https://[A-Za-z0-9.-]+(?::\d+)?/[A-Za-z0-9._~/%+-]*"
    r"|[A-Za-z0-9._+-]{1,64}@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,63}"
)
"""ASCII without spaces, quotes or brackets: it stands in commands, links and Markdown. Who writes for a
mailbox with another name gives the address of a page."""


@dataclass(frozen=True)
class Params:
    """How rows become files. All of it is layout: the rows themselves are decided before.

    Attributes:
        editions: which editions are published. `ids` has the rows of both licence types, without
            `content`; `no_license` is off as nobody gave a licence for it.
        bucket_ranges: shards a language and edition, a power of two up to 256. More ranges make a
            takedown rewrite less (1 % of 1,000 owners: about 3 % of the bytes with 256, all of them with
            4) and a full read open more files. It is not computed from the size: a removal that
            crossed a bound would move every row. A Hub takes 100,000 files: with more than 390
            languages take fewer.
        row_group_bytes_max: decoded bytes of a row group; one larger row is a group of its own.
            128 MiB keeps a reader's peak low, and far from the 2 GiB that Arrow cannot read.
        row_group_rows_max: rows of a row group, so that the page index of small files stays useful.
        compression_level: of zstd; on real code 3 takes as long as 1 and 6 % less space; 6 takes
            twice as long for another 8 % (benchmarks/release_shards.py has the corpus).
        bloom_filters: write Bloom filters for the columns that point queries name.
        config_rows_min: rows that a language of an edition needs for a config of its own on the card;
            those below share the config `other`. A viewer's list of configs ends after some dozens, and
            half of the languages of an ordinary release have fewer rows than this.
    """

    editions: tuple[Edition, ...] = ("permissive",)
    bucket_ranges: int = 256
    row_group_bytes_max: int = 128 * 2**20
    row_group_rows_max: int = 65536
    compression_level: int = 3
    bloom_filters: bool = True
    config_rows_min: int = 10

    def __post_init__(self) -> None:
        if self.bucket_ranges not in {2**n for n in range(9)}:
            raise UsageError(
                "release.bucket_ranges does not divide the 256 buckets",
                expected="a power of two, 1 to 256",
                found=str(self.bucket_ranges),
            )
        if not 1 <= self.row_group_bytes_max <= 2**30:
            raise UsageError(
                "release.row_group_bytes_max is out of range",
                expected="1 to 2^30: Arrow cannot read string columns of 2 GiB",
                found=str(self.row_group_bytes_max),
            )
        if self.row_group_rows_max < 1:
            raise UsageError(
                "release.row_group_rows_max is out of range",
                expected="at least 1",
                found=str(self.row_group_rows_max),
            )
        if self.config_rows_min < 1:
            raise UsageError(
                "release.config_rows_min is out of range",
                expected="at least 1",
                found=str(self.config_rows_min),
            )
        if not 1 <= self.compression_level <= 22:  # noqa: PLR2004 - zstd's own range
            raise UsageError(
                "release.compression_level is out of range",
                expected="1 to 22",
                found=str(self.compression_level),
            )
        if not self.editions or len(set(self.editions)) != len(self.editions):
            raise UsageError(
                "release.editions is empty or names one twice",
                expected="some of permissive, no_license, ids",
                found=", ".join(self.editions) or "nothing",
            )

    @property
    def default_edition(self) -> Edition:
        """What a user who names no edition gets: the first one listed."""
        return self.editions[0]


@dataclass(frozen=True)
class PublishParams:
    """Where a release goes.

    Attributes:
        hub: `local` is a directory served by the embedded Hub; `hf` is what HF_ENDPOINT names.
        repo: dataset id on that Hub, `namespace/name`.
        contact: whom code owners write to, for anybody to read on the card: an e-mail address, or the
            https address of a page of issues. It has no default: nothing is released without it.
    """

    hub: Literal["local", "hf"] = "local"
    repo: str = "octo-org/stackyard-sample"
    contact: str = ""

    def __post_init__(self) -> None:
        if not _REPO.fullmatch(self.repo):
            raise UsageError(
                f"publish.repo {self.repo!r} is not a dataset id",
                expected="namespace/name, of letters, digits and . _ -",
            )
        if self.contact and not _CONTACT.fullmatch(self.contact):
            raise UsageError(
                "publish.contact is nowhere that a code owner can write to",
                expected="an e-mail address, or the https address of a page of issues",
                found=repr(self.contact)[:120],
                next_step="mend it in params.yaml",
            )

    def require_contact(self) -> None:
        """Checks that code owners can reach somebody.

        Raises:
            UsageError: `contact` is empty.
        """
        if not self.contact:
            raise UsageError(
                "publish.contact is not set in params.yaml: code owners could not reach you",
                expected="an e-mail address, or the https address of a page of issues",
                next_step="write it below `publish:`; it is printed in the dataset's card",
            )
