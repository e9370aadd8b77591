#!/bin/sh
# An environment of its own for datatrove, to measure it side by side: never in ours.
#     sh benchmarks/dedup_datatrove.sh [DIR]
set -eu
into="${1:-work/benchmarks/datatrove-env}"
uv="$(dirname "$0")/../.venv/bin/uv"
[ -x "$uv" ] || uv=uv
[ -x "$into/bin/python" ] || "$uv" venv -q "$into" --python 3.11
"$uv" pip install -q --python "$into/bin/python" "datatrove[io,processing]==0.10.1" spacy
