"""README.md of a release: the dataset card, with one config a language and one an edition.

In: the manifest. Out: the card's text. Always holds: every number on it is the manifest's, and it
reads nothing of the generated documents' own entries, so the final manifest renders the same card.

The front matter is what the Hub and `datasets` read:
https://huggingface.co/docs/datasets/repository_structure and
https://github.com/huggingface/hub-docs/blob/main/datasetcard.md
"""

from __future__ import annotations

import bisect
import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import yaml

from stackyard.release.columns import COLUMNS
from stackyard.release.manifest import File, Manifest
from stackyard.release.names import language_slug
from stackyard.release.shards import schema_of
from stackyard.release.wording import code, counted, size, table

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
    (1_000_000_000, "100M<n<1B"),
    (10_000_000_000, "1B<n<10B"),
    (100_000_000_000, "10B<n<100B"),
    (1_000_000_000_000, "100B<n<1T"),
)
"""The Hub's own classes of dataset sizes, in rows."""


_WHAT = """\
Each row is one file: its text, where it is from, its licence with the evidence for it, and all
origins that offer the same bytes. Every number here is from manifest.json, which lists every byte of
the release and is signed (manifest.dsse.json)."""

_PATCHES = """\
A tag names a version (`revision=` above). Take the newest patch of yours, as patches only remove
what must go: `stackyard sync DIR` does that to a pulled copy, and removals.jsonl lists by hash what
left."""

_LICENCES = """\
Each file stays under the licence that its authors gave it: `license_expression` is the strictest that
is known of it, over all its origins, and `license_evidence` says what let it in. ATTRIBUTION/ has the
licence texts, notices and copyright lines of the origins. Who uses a file must follow its licence."""

_ABSENT = """\
Every file that was seen has exactly one decision; decisions/ has those of files that are not here,
with rule and evidence (none for opted-out origins)."""

_REDACTED = """\
Personal data and secrets are replaced by placeholders before release; `redactions` counts them in
each row. Tell the publisher of any that is left."""

_LOADED = """\
Each of these runs as it stands. `HF_ENDPOINT` names another Hub; the `hf://` of polars and DuckDB does not
read it, so they go through Arrow here. Languages with few rows share the config `other`."""

_OWNER = """\
From any machine, with no account and no project (`pip install stackyard`). `submit` writes a request and the
words to send it with; it sends nothing by itself."""

_OPTOUT = """\
You need not give a reason. Only what you name is removed. You get a receipt that you can check against
the public manifest, and you can take your request back."""


def render(manifest: Manifest) -> str:
    """The card."""
    front = yaml.safe_dump(
        front_matter(manifest),
        sort_keys=False,
        allow_unicode=True,
        width=100,
        default_flow_style=False,
    )
    return f"---\n{front}---\n\n{_body(manifest)}"


def front_matter(manifest: Manifest) -> dict[str, Any]:
    """The card's metadata, in the order that it is written in."""
    configs = list(_configs(manifest))
    default = default_edition(manifest)
    rows = max((sum(_shard(file).rows for file in files) for _, _, files in configs), default=0)
    return {
        "pretty_name": manifest.name.partition("/")[2],
        "license": "other",
        "license_name": "of-each-file",
        "license_link": "README.md#licences",
        "task_categories": ["text-generation"],
        "language": ["code"],
        "tags": ["code", "stackyard"],
        "size_categories": [_size_class(rows)],
        "configs": [
            {
                "config_name": name,
                **({"default": True} if name == default else {}),
                "data_files": [{"split": "train", "path": _one_or_list(patterns)}],
            }
            for name, patterns, _ in configs
        ],
        "dataset_info": [
            {
                "config_name": name,
                "splits": [
                    {
                        "name": "train",
                        "num_bytes": sum(_shard(file).content_bytes for file in files),
                        "num_examples": sum(_shard(file).rows for file in files),
                    }
                ],
                "download_size": sum(file.size_bytes for file in files),
                "dataset_size": sum(_shard(file).content_bytes for file in files),
            }
            for name, _, files in configs
        ],
    }


def default_edition(manifest: Manifest) -> str:
    """The edition of who names none: the first in params, or else the first that there is."""
    release = manifest.params.get("release")
    named = release.get("editions") if isinstance(release, dict) else None
    present = sorted({_shard(file).edition for file in manifest.shards})
    return next((name for name in named or () if name in present), (*present, "permissive")[0])


def _configs(manifest: Manifest) -> Iterator[tuple[str, list[str], list[File]]]:
    """Name, patterns of paths and shards of each config: editions first, then their languages.

    A language's config is its slug in the default edition, and `<edition>.<slug>` in another. Languages
    of fewer rows than `release.config_rows_min` share the config OTHER, the last of their edition.
    """
    editions: dict[str, list[File]] = defaultdict(list)
    languages: dict[tuple[str, str], list[File]] = defaultdict(list)
    for file in manifest.shards:
        shard = _shard(file)
        editions[shard.edition].append(file)
        languages[shard.edition, shard.language].append(file)
    default = default_edition(manifest)
    for edition in sorted(editions, key=lambda name: (name != default, name)):
        yield edition, [f"data/{edition}/*/*.parquet"], editions[edition]
    for edition in sorted(editions, key=lambda name: (name != default, name)):
        prefix = "" if edition == default else f"{edition}."
        mine = {language: files for (of, language), files in languages.items() if of == edition}
        small = sorted(name for name, files in mine.items() if _rows(files) < _rows_min(manifest))
        for language in sorted(mine.keys() - {*small}):
            yield (
                f"{prefix}{language_slug(language)}",
                [_pattern(edition, language)],
                mine[language],
            )
        if small:
            patterns = [_pattern(edition, language) for language in small]
            yield f"{prefix}{OTHER}", patterns, [file for name in small for file in mine[name]]


OTHER = "other"
"""The config of languages with few rows; no language of Linguist has this name."""


def _rows_min(manifest: Manifest) -> int:
    """`release.config_rows_min`; 1 for manifests of before it was a parameter."""
    release = manifest.params.get("release")
    value = release.get("config_rows_min") if isinstance(release, dict) else None
    return value if type(value) is int else 1


def _rows(files: list[File]) -> int:
    return sum(_shard(file).rows for file in files)


def _pattern(edition: str, language: str) -> str:
    return f"data/{edition}/{language_slug(language)}/*.parquet"


def _one_or_list(patterns: list[str]) -> str | list[str]:
    return patterns[0] if len(patterns) == 1 else patterns


def _body(manifest: Manifest) -> str:
    sections = (
        _what(manifest),
        _use(manifest),
        _sizes(manifest),
        _columns(),
        _licences(manifest),
        _absent(manifest),
        _redacted(manifest),
        _optouts(manifest),
        _verification(manifest),
    )
    blocks = [block for section in sections for block in section if block]
    return "\n\n".join(blocks) + "\n"


def _what(manifest: Manifest) -> Iterator[str]:
    totals = manifest.totals
    yield f"# {manifest.name.partition('/')[2]}"
    yield (
        f"Version {manifest.version}: {counted(totals.files_kept, 'source file')} with"
        f" {size(totals.content_bytes)} of text in {counted(len(totals.languages), 'language')},"
        f" of {counted(totals.files_seen, 'file')} seen ({size(totals.bytes_seen)})."
        f" Opt-out requests honoured: {totals.optouts:,}."
    )
    yield _WHAT


def _use(manifest: Manifest) -> Iterator[str]:
    release = f"{manifest.name}@{manifest.version}"
    yield "## Use"
    yield _LOADED
    for title, snippet in _snippets(manifest):
        yield f"{title}:"
        yield _fence("python", snippet)
    yield "From a shell, verified:"
    yield _fence(
        "sh",
        f"stackyard pull {release}           # every byte checked, pinned in stackyard.lock\n"
        f"stackyard verify {release}         # hashes, signature, opt-out registry\n"
        f"stackyard query {release} --license MIT --path '*.py'",
    )
    yield _PATCHES


_COUNTED = """\
counts = duckdb.sql("SELECT language, count(*) FROM files GROUP BY ALL").fetchall()"""


def _snippets(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Title and Python of each way to read it; each runs by itself, and a test runs them."""
    name, revision, edition = manifest.name, f"v{manifest.version}", default_edition(manifest)
    languages = _largest(manifest, edition)
    patterns = [_pattern(edition, language) for language in languages]
    root = f"datasets/{name}@{revision}/data/{edition}"
    folder = f"{root}/{language_slug(languages[0])}" if languages else root
    columns = _plain_columns(edition)
    load = f'load_dataset("{name}", "{edition}", split="train", revision="{revision}"'
    yield "Everything", f"from datasets import load_dataset\n\nrows = {load})"
    yield (
        "Two languages at once",
        (
            "from datasets import load_dataset\n\n"
            f"paths = {json.dumps(patterns)}\n"
            f'rows = load_dataset("{name}", data_files=paths, split="train", revision="{revision}")'
        ),
    )
    yield (
        "Without a download, row by row",
        (
            "from datasets import load_dataset\n\n"
            f"rows = {load}, streaming=True)\n"
            'for row in rows.take(3):\n    print(row["repo_name"], row["path"])'
        ),
    )
    yield (
        "pandas, one language, a few columns",
        (
            "import pandas as pd\n\n"
            f'rows = pd.read_parquet("hf://{folder}", columns={json.dumps(columns)})'
        ),
    )
    files = (
        "import pyarrow.dataset as ds\nfrom huggingface_hub import HfFileSystem\n\n"
        f'files = ds.dataset("{root}", filesystem=HfFileSystem())\n'
    )
    yield (
        "polars",
        (
            f"import polars as pl\n{files}"
            'counts = pl.scan_pyarrow_dataset(files).group_by("language").len().collect()'
        ),
    )
    yield (
        "DuckDB",
        f"import duckdb\n{files}{_COUNTED}",
    )
    yield (
        "PyTorch; columns that collate: texts and numbers, neither lists nor nulls",
        (
            "from datasets import load_dataset\nfrom torch.utils.data import DataLoader\n\n"
            f"rows = {load}, streaming=True)\n"
            f"rows = rows.select_columns({json.dumps(columns)})\n"
            "for batch in DataLoader(rows, batch_size=8):\n    break"
        ),
    )


def _largest(manifest: Manifest, edition: str) -> list[str]:
    """The two languages with most rows, by name."""
    rows: dict[str, int] = defaultdict(int)
    for file in manifest.shards:
        if _shard(file).edition == edition:
            rows[_shard(file).language] += _shard(file).rows
    return sorted(sorted(rows, key=lambda name: (-rows[name], name))[:2])


def _plain_columns(edition: str) -> list[str]:
    """Columns of a training loop: never null, and text or a number."""
    wanted = ("repo_name", "path", "language", "length_bytes", "content")
    return [name for name in wanted if name in schema_of(edition).names]


def _sizes(manifest: Manifest) -> Iterator[str]:
    yield "## Configs"
    rows = [
        (
            f"`{config}`",
            f"{sum(_shard(file).rows for file in files):,}",
            size(sum(_shard(file).content_bytes for file in files)),
            size(sum(file.size_bytes for file in files)),
        )
        for config, _, files in _configs(manifest)
    ]
    yield table(("config", "rows", "text", "download"), rows)


def _columns() -> Iterator[str]:
    yield "## Columns"
    rows = [
        (f"`{field.name}`", f"`{_type(field.type)}`", COLUMNS[field.name].meaning)
        for field in schema_of("permissive")
    ]
    yield table(("column", "type", "meaning"), rows, numbers=False)


def _licences(manifest: Manifest) -> Iterator[str]:
    shares = sorted(manifest.totals.licenses, key=lambda part: (-part.rows, part.name))
    yield "## Licences"
    yield _LICENCES
    yield table(
        ("licence", "rows", "text"),
        [(code(part.name), f"{part.rows:,}", size(part.content_bytes)) for part in shares],
    )


def _absent(manifest: Manifest) -> Iterator[str]:
    yield "## What is not in it"
    yield _ABSENT
    rows = [
        (code(f"{part.stage}/{part.rule}"), f"{part.files:,}") for part in manifest.totals.dropped
    ]
    yield table(("stage and rule", "files"), rows)


def _redacted(manifest: Manifest) -> Iterator[str]:
    yield "## Personal data and secrets"
    yield _REDACTED
    rows = [(code(part.entity), f"{part.count:,}") for part in manifest.totals.redactions]
    yield table(("entity", "redacted"), rows)


def _optouts(manifest: Manifest) -> Iterator[str]:
    yield "## Is your code in it?"
    yield _OWNER
    yield _fence(
        "sh",
        f"stackyard explain OWNER/REPO --dataset {manifest.name}   # each file, and why\n"
        f"stackyard optout submit --repo OWNER/REPO --contact MAIL --dataset {manifest.name}",
    )
    contact = contact_of(manifest)
    yield (
        f"Whom to write to, for this and for anything else: {code(contact)}."
        if contact
        else "Its publisher named no contact when this version was made."
    )
    yield _OPTOUT


def contact_of(manifest: Manifest) -> str:
    """Whom code owners write to; empty in manifests of before it was a parameter."""
    publish = manifest.params.get("publish")
    value = publish.get("contact") if isinstance(publish, dict) else None
    return value if isinstance(value, str) else ""


def _verification(manifest: Manifest) -> Iterator[str]:
    rows = [
        ("opt-out registry, events", f"{manifest.registry.size:,}"),
        ("opt-out registry, Merkle root", f"`{manifest.registry.root}`"),
        ("parameters, SHA-256", f"`{manifest.params_sha256}`"),
        ("columns, SHA-256", f"`{manifest.schema_sha256}`"),
        ("made by", code(f"Stackyard {manifest.code.version}, {manifest.code.writer}")),
    ]
    yield "## Verification"
    yield table(("what", "value"), rows, numbers=False)
    yield "The release's identity is the SHA-256 of manifest.json."


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _shard(file: File) -> Any:
    return file.shard


def _size_class(rows: int) -> str:
    at = bisect.bisect_right([bound for bound, _ in _SIZES], rows)
    return _SIZES[at][1] if at < len(_SIZES) else "n>1T"


def _type(kind: Any) -> str:
    return str(kind).replace("element: ", "").replace("item: ", "")
