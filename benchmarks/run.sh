#!/usr/bin/env bash
# Comparisons of speed, one after the other: what each prints goes into benchmarks/<name>.txt, under the
# machine it was made on. For idle cores. Peers that are not installed: pip install torch timm tf-keras-vis
#
#   bash benchmarks/run.sh [feed_speed store_speed …]
set -euo pipefail
cd "$(dirname "$0")/.."
export KERAS_BACKEND="${KERAS_BACKEND:-tensorflow}"
machine=$(python -c "from clnlib.model import session; print(session.device())" 2>/dev/null)
all="feed_speed store_speed memory_speed gradcam_speed bootstrap_speed evaluation_speed step_speed step_profile scale"
for name in ${@:-$all}; do
    words=
    [ "$name" = scale ] && words=benchmarks/scale.csv
    file=benchmarks/${name//_/-}.txt
    echo "== $name: $file"
    { echo "$machine, commit $(git rev-parse --short HEAD)"; echo; python "benchmarks/$name.py" $words; } > "$file.part"
    mv "$file.part" "$file"
done
