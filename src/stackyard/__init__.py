"""Stackyard: versioned, verifiable source-code datasets, with opt-outs that are honoured."""

__version__ = "0.1.0"
