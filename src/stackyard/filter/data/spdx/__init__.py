"""Hashes of the SPDX licence texts (CC0-1.0, npm spdx-license-list), made by `benchmarks/filter_refresh.py`."""
