"""Ingest: from sources.yaml to the entries of each source, read from hostile archives safely.

`sources.load_sources` -> `fetch.fetch` -> `read.Reader`; `rules.RULES` says what drops an entry.
"""
