"""Prefect flows: tables of contents of a run; `python -m flows` starts them."""
