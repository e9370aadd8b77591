"""Prefect tasks: a retry policy and one call into stackyard each."""
