"""Linguist's data (MIT, see LICENSE), made by `benchmarks/filter_refresh.py` from npm packages."""
