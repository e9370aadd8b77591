#!/bin/sh
# An environment of its own for ScanCode, to measure it side by side: never in ours.
#     sh benchmarks/filter_scancode.sh [DIR]
set -eu
into="${1:-work/benchmarks/scancode-env}"
uv="$(dirname "$0")/../.venv/bin/uv"
[ -x "$uv" ] || uv=uv
[ -x "$into/bin/python" ] || "$uv" venv -q "$into" --python 3.11
"$uv" pip install -q --python "$into/bin/python" "scancode-toolkit-mini==32.5.0" "pluggy<1.7"
