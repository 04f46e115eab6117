#!/usr/bin/env bash
# A study of 12 runs on a real one-node Slurm: one job is killed, the node is drained and resumed,
# and all runs are finished in the end. For Debian 12 as root; installs slurm-wlm and munge, sets a
# one-node cluster up in a folder of its own and tears it down.
#
#   . .venv/bin/activate && tests/integration/slurm.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
STUDY=tests/integration/slurm-study.yaml
STATE=$(mktemp -d)
export CLN_HOME=$STATE/home SLURM_CONF=$STATE/slurm.conf
HOST=$(hostname -s)

set_up() {
    command -v slurmctld >/dev/null || {
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            slurm-wlm slurm-client munge
    }
    mkdir -p "$STATE"/{spool,state,home} /run/munge
    chown munge:munge /run/munge /etc/munge /var/lib/munge /var/log/munge
    [ -s /etc/munge/munge.key ] || {
        head -c 1024 /dev/urandom >/etc/munge/munge.key
        chown munge:munge /etc/munge/munge.key
        chmod 400 /etc/munge/munge.key
    }
    munge -n >/dev/null 2>&1 || su -s /bin/sh munge -c '/usr/sbin/munged --force'
    local memory=$(($(awk '/MemTotal/{print $2}' /proc/meminfo) / 1024 - 512))
    cat >"$SLURM_CONF" <<C
ClusterName=one
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmctldPidFile=$STATE/slurmctld.pid
SlurmdPidFile=$STATE/slurmd.pid
SlurmdSpoolDir=$STATE/spool
StateSaveLocation=$STATE/state
SlurmctldLogFile=$STATE/slurmctld.log
SlurmdLogFile=$STATE/slurmd.log
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MinJobAge=3600
NodeName=$HOST NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$memory State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=1000
C
    slurmctld -f "$SLURM_CONF"
    sleep 1
    slurmd -f "$SLURM_CONF"
    for _ in $(seq 60); do
        sinfo -h -o %T 2>/dev/null | grep -qE 'idle|mixed' && return
        sleep 0.5
    done
    echo "the node did not come up:" && tail -5 "$STATE"/*.log && exit 1
}

tear_down() {
    scancel --user=root 2>/dev/null || true
    for name in slurmd slurmctld; do
        [ -s "$STATE/$name.pid" ] && kill "$(cat "$STATE/$name.pid")" || true
    done
    rm -rf "$STATE" book/results/slurm-test
}
trap tear_down EXIT

finished() { find "$CLN_HOME/runs/slurm-test" -name done 2>/dev/null | wc -l; }

set_up
# No GPU here, and without accounting sacct never sees a job's end.
timeout -k 30 3000 snakemake --profile workflow/profiles/slurm --config "study=$STUDY" --until run \
    --jobs 2 --set-resources run:gpu=0 run:mem_mb=3000 --set-threads run=1 \
    --slurm-no-account --slurm-status-command squeue &
WORKFLOW=$!

until [ "$(finished)" -ge 2 ]; do sleep 2; kill -0 $WORKFLOW; done
victim=$(squeue -h -t R -o %i | tail -1)
echo "== killing job $victim with SIGKILL"
scancel --signal=KILL --full "$victim"
until [ "$(finished)" -ge 5 ]; do sleep 2; kill -0 $WORKFLOW; done
echo "== draining the node, then resuming it"
scontrol update NodeName="$HOST" State=DRAIN Reason=test
sleep 60
sinfo -h -o "node is %T"
scontrol update NodeName="$HOST" State=RESUME
wait $WORKFLOW
echo "== $(finished) of 12 runs finished"
[ "$(finished)" -eq 12 ]
