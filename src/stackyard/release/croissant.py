"""croissant.json: the release as Croissant 1.0 metadata, with the true SHA-256 of every shard.

Paths are relative to the release, so that a pulled copy is described as well as the Hub's.
`datePublished` is the date of the newest revision in it, not of the day it was made: a rebuilt release
must have the same bytes. When it was made is in the provenance beside it.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from stackyard.params import canonical_json
from stackyard.release.citation import HUB
from stackyard.release.columns import COLUMNS
from stackyard.release.manifest import Manifest
from stackyard.release.shards import schema_of
from stackyard.release.wording import counted

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The JSON-LD context of the specification; another one would be another vocabulary."""


def render(manifest: Manifest) -> bytes:
    """Canonical JSON of the metadata: a FileObject a shard, a FileSet and a RecordSet an edition."""
    editions = sorted({file.shard.edition for file in manifest.shards if file.shard})
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": manifest.name.replace("/", "-"),
        "description": (
            f"{counted(manifest.totals.files_kept, 'source file')} with licence evidence and provenance,"
            f" deduplicated and redacted; version {manifest.version} of {manifest.name}."
        ),
        "url": f"{HUB}/datasets/{manifest.name}",
        "version": manifest.version,
        **({"datePublished": date} if (date := manifest.totals.revision_date_max) else {}),
        "license": "Each file is under its own licence: see the column license_expression.",
        "citeAs": f"{manifest.name}, version {manifest.version}. {HUB}/datasets/{manifest.name}",
        "distribution": [
            *_objects(manifest),
            *(_file_set(edition) for edition in editions),
        ],
        "recordSet": [_record_set(edition) for edition in editions],
    }
    return canonical_json(document)


def _objects(manifest: Manifest) -> Iterator[dict[str, Any]]:
    for file in manifest.shards:
        yield {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.size_bytes} B",
            "encodingFormat": "application/x-parquet",
            "sha256": file.sha256,
        }


def _file_set(edition: str) -> dict[str, Any]:
    """The shards of an edition where the release lies: a reader walks the folder of croissant.json."""
    return {
        "@type": "cr:FileSet",
        "@id": f"shards-{edition}",
        "name": f"shards-{edition}",
        "encodingFormat": "application/x-parquet",
        "includes": f"data/{edition}/*/*.parquet",
    }


def _record_set(edition: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": edition,
        "name": edition,
        "description": f"One row a file of the edition {edition}.",
        "key": [{"@id": f"{edition}/repo_name"}, {"@id": f"{edition}/path"}],
        "field": [_field(edition, field) for field in schema_of(edition)],
    }


def _field(edition: str, field: pa.Field) -> dict[str, Any]:
    lists = pa.types.is_list(field.type)
    value = field.type.value_type if lists else field.type
    out: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{edition}/{field.name}",
        "name": field.name,
        "description": COLUMNS[field.name].meaning,
        "source": {"fileSet": {"@id": f"shards-{edition}"}, "extract": {"column": field.name}},
    }
    if lists:
        out["repeated"] = True
    if pa.types.is_struct(value):
        out["subField"] = [
            {
                "@type": "cr:Field",
                "@id": f"{edition}/{field.name}/{part.name}",
                "name": part.name,
                "dataType": _data_type(part.type),
                "source": {
                    "fileSet": {"@id": f"shards-{edition}"},
                    "extract": {"column": field.name},
                    "transform": {"jsonPath": part.name},
                },
            }
            for part in value
        ]
    else:
        out["dataType"] = _data_type(value)
    return out


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:DateTime" if pa.types.is_timestamp(kind) else "sc:Text"
