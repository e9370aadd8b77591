"""The release room: rows become shards, a manifest, documents and a gate's verdict; all pure."""

from stackyard.release.params import Params, PublishParams

__all__ = ["Params", "PublishParams"]
