#!/usr/bin/env bash
# `make book` killed by SIGKILL at three moments and started again gives the same records, to the
# last bit, as one that was never killed, on the same machine.
#
#   tests/integration/killed.sh <runs/phantom of an unkilled make book>
#
# Run it in a fresh clone: what is in runs/phantom already is not trained again.
set -euo pipefail
reference=$(realpath "$1")
cd "$(dirname "$0")/../.."
log=build/killed.log
mkdir -p build

# Until: a training is in its third epoch; two runs are finished; the first page is being made.
in_an_epoch() { find runs/phantom -name '0000[3-9].npz' 2>/dev/null | grep -q .; }
two_runs() { [ "$(find runs/phantom -name done 2>/dev/null | wc -l)" -ge 2 ]; }
pages() { [ -e build/notebooks/phantom/localisation.ipynb ]; }

for moment in in_an_epoch two_runs pages; do
    setsid make book >>"$log" 2>&1 &
    group=$!
    until $moment; do
        kill -0 $group || { echo "make book ended before the moment $moment" && exit 1; }
        sleep 0.2
    done
    kill -KILL -- -$group
    wait $group 2>/dev/null || true
    echo "killed at: $moment, $(find runs/phantom -name done | wc -l) runs finished"
done

make book >>"$log" 2>&1
python3 - "$reference" <<'PYTHON'
import hashlib, sys
from pathlib import Path

reference, ours = Path(sys.argv[1]), Path("runs/phantom")
files = sorted(f.relative_to(reference) for n in ("history.csv", "*.parquet") for f in reference.glob(f"*/{n}"))
assert files, f"no records in {reference}"
other = [f for f in files if hashlib.sha256((ours / f).read_bytes()).digest()
         != hashlib.sha256((reference / f).read_bytes()).digest()]
print(f"{len(files) - len(other)} of {len(files)} histories and predictions are equal to the last bit")
sys.exit(f"different: {', '.join(map(str, other))}" if other else 0)
PYTHON
grep -c "continuing after epoch" "$log" | xargs echo "trainings that went on after their last epoch:"
