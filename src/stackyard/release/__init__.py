"""The release room: rows become shards, a manifest, documents and a gate's verdict; all pure."""
