#!/usr/bin/env bash
# A study of 12 runs on a real one-node Slurm, through the profile as it is: one job is killed and
# goes on after its last epoch, the node is drained and resumed, and in the end all runs are there.
# For root on a Debian 12 without Slurm: installs its packages, removes everything else it makes.
#
#   . .venv/bin/activate && tests/integration/slurm.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
CONF=/etc/slurm/slurm.conf # not in $STATE: Snakemake's job steps do not pass SLURM_CONF on
[ ! -e $CONF ] || { echo "$CONF: this machine has a Slurm of its own" && exit 1; }
STATE=$(mktemp -d)
export CLN_HOME=$STATE
RUNS=$STATE/runs/slurm-test
EXECUTED=build/notebooks/slurm-test
HOST=$(hostname -s)
WORKFLOW=

set_up() {
    dpkg -s slurmctld slurmd slurm-client munge >/dev/null 2>&1 || {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            slurmctld slurmd slurm-client munge >/dev/null
    }
    mkdir -p "$RUNS" "$STATE"/{spool,state}
    head -c 1024 /dev/urandom | install -m 400 /dev/stdin "$STATE/munge.key"
    munged --force --socket="$STATE/munge" --key-file="$STATE/munge.key" \
        --pid-file="$STATE/munged.pid" --log-file="$STATE/munged.log" --seed-file="$STATE/seed"
    # Room for two of the profile's jobs whatever this machine has; nobody opens the two "GPUs".
    printf 'Name=gpu File=%s\n' /dev/null /dev/zero >/etc/slurm/gres.conf
    cat >$CONF <<C
ClusterName=one
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$STATE/munge
ProctrackType=proctrack/linuxproc
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
SlurmdParameters=config_overrides
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.pid
SlurmdSpoolDir=$STATE/spool
StateSaveLocation=$STATE/state
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/slurmd.log
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 Gres=gpu:2
PartitionName=main Nodes=ALL Default=YES
C
    slurmctld && slurmd
    timeout 60 bash -c 'until sinfo -h -o %T | grep -qx idle; do sleep 1; done'
}

tear_down() {
    local status=$?
    set +e
    [ $status -eq 0 ] || tail -n 20 "$STATE"/*.log "$STATE"/logs/*/*/*.log
    [ -z "$WORKFLOW" ] || kill "$WORKFLOW"
    scancel --user=root
    wait
    timeout 90 bash -c 'while [ -n "$(squeue -h)" ]; do scancel --user=root; sleep 1; done'
    for daemon in slurmd slurmctld munged; do
        pid=$(cat "$STATE/$daemon.pid") && kill "$pid" && timeout 60 tail --pid="$pid" -f /dev/null
    done
    rm -rf "$STATE" $CONF /etc/slurm/gres.conf $EXECUTED
    echo "== torn down; status $status"
}
trap tear_down EXIT

finished() { find "$RUNS" -name done | wc -l; }
show() { sinfo -h -o "node %T" && squeue -h -o "job %i %T %r %k"; }
wait_for() { until eval "$1"; do sleep 1 && kill -0 "$WORKFLOW"; done; }
under_way() { # job and run of a training with an epoch behind it and more to come
    squeue -h -t R -o "%i %k" | while read -r job comment; do
        run=${comment#rule_run_wildcards_}
        [ -e "$RUNS/$run/done" ] || [ -z "$(find "$RUNS/$run" -name '0*.npz')" ] || echo "$job $run"
    done 2>/dev/null | head -1
}

set_up
# Without accounting sacct knows no job.
timeout -k 60 7200 snakemake --profile workflow/profiles/slurm --until run --quiet rules host \
    --config study=tests/integration/slurm-study.yaml --slurm-logdir "$STATE/logs" \
    --slurm-status-command squeue --slurm-init-seconds-before-status-checks 10 &
WORKFLOW=$!
wait_for '[ "$(finished)" -ge 2 ] && read -r job run < <(under_way)'
show
processes() { grep -lzsx "SLURM_JOB_ID=$job" /proc/[0-9]*/environ | cut -d/ -f3; }
kill -KILL $(processes) # scancel would let them end in order, and call the job cancelled
wait_for 'squeue -h -t all -j "$job" -o "== killed job %i: %T" | grep FAILED'
[ -z "$(processes)" ]
epoch=$((10#$(find "$RUNS/$run" -name '0*.npz' -printf '%f\n' | sort | tail -1 | cut -d. -f1)))
wait_for '[ "$(finished)" -ge 5 ]'
scontrol update NodeName="$HOST" State=DRAIN Reason=test
echo "== draining" && show
wait_for '[ -z "$(squeue -h -t R,CG)" ]'
before=$(finished)
sleep 20
echo "== drained" && show
[ "$(sinfo -h -o %T) $(finished) $(squeue -h -t R,CG)" = "drained $before " ]
[ -n "$(squeue -h -t PD)" ]
scontrol update NodeName="$HOST" State=RESUME
wait_for 'squeue -h -t R | grep -q .'
echo "== resumed" && show

wait "$WORKFLOW"
WORKFLOW=
echo "== job $job was killed after epoch $epoch of $run; its second call says:"
grep -o "continuing after epoch $epoch\b" "$EXECUTED/runs/$run.ipynb"
echo "== $(finished) of 12 runs finished"
[ "$(finished)" -eq 12 ]
