"""CITATION.cff: how to cite the version, by the Citation File Format 1.2.0.

No release date and no hash of the manifest: the first would be a clock, the second a circle.
Source: https://github.com/citation-file-format/citation-file-format, schema-guide.md.
"""

from __future__ import annotations

import yaml

from stackyard.release.manifest import Manifest

HUB = "https://huggingface.co"
"""Where a dataset id is resolved by who has no other Hub."""


def render(manifest: Manifest) -> str:
    """The citation file; the namespace that publishes stands as the author."""
    namespace, _, name = manifest.name.partition("/")
    document = {
        "cff-version": "1.2.0",
        "message": "If you use this dataset, please cite this version, and the code you rely on.",
        "type": "dataset",
        "title": name,
        "version": manifest.version,
        "authors": [{"name": namespace}],
        "url": f"{HUB}/datasets/{manifest.name}",
        "identifiers": [
            {
                "type": "other",
                "value": f"{manifest.name}@v{manifest.version}",
                "description": "dataset id and tag on the Hub",
            }
        ],
        "keywords": ["source code", "dataset"],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
