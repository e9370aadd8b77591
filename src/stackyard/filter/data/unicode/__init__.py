"""Classes of code points, made by `benchmarks/filter_refresh.py`."""
