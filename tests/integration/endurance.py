"""Killed at random moments, on a full disk, without rights: nothing is lost, no number moves.

    python tests/integration/endurance.py [--kills 50] [--seed 0] | tee benchmarks/endurance.txt

It works in clones of the last commit under a temporary folder, with the Python that runs it: in
one everything is done once, undisturbed; in the others it is disturbed, and must end with the same
bytes. A kill of the last two steps takes minutes. Linux; disks that are full or read-only need
root, else their rows say "not tested".
"""

import argparse
import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STUDY = """\
name: endurance
title: Endurance
finetune: {dataset: phantom, phantom_images: 300, image_size: 48, epochs: 3}
train: {dataset: phantom, phantom_images: 80, image_size: 48, weights: stage1, epochs: 3}
grids: [{lam: [0.1, 0.4]}]
"""
LOAD = "from pathlib import Path; from clnbook.studies import load_study; "
LOAD += "study = load_study(Path('configs/endurance.yaml')); "
TRAIN = LOAD + "from clnlib.model.training import finetune, train; "
STORE = LOAD + "from clnlib.data import sources; sources.prepared(study.finetunes()[0])"
# Step → its command and the files that it leaves; each goes on from the one before.
STEPS: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "store": (["-c", STORE], ("stores/*/images.u8", "stores/*/manifest.json")),
    "stage 1": (
        ["-c", TRAIN + "finetune(study.finetunes()[0])"],
        ("runs/*/*finetune*/history.csv", "runs/*/*finetune*/*.parquet"),
    ),
    "stage 2": (
        ["-c", TRAIN + "train(study.trainings()[0])"],
        ("runs/*/*lam0.1*/history.csv", "runs/*/*lam0.1*/*.parquet"),
    ),
    "study": (
        ["-m", "snakemake", "--profile", "workflow/profiles/local", "--config", "study=endurance",
         "--quiet", "all", "--", "study"],
        ("runs/*/*/history.csv", "runs/*/*/*.parquet", "build/pages/results/endurance/*.csv"),
    ),
    "publishing": (
        ["-m", "clnbook.publish", "endurance"],
        ("results/endurance/*/*.parquet", "book/results/endurance/*.csv"),
    ),
}  # fmt: skip
# Of the kills; the last two steps take minutes each time.
SHARES = {"store": 0.26, "stage 1": 0.3, "stage 2": 0.3, "study": 0.08, "publishing": 0.06}


class Clone:
    """A clone of the last commit, and the home that its commands write into."""

    def __init__(self, folder: Path, home: Path | None = None) -> None:
        self.folder, self.home = folder, home or folder
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        (folder / "configs" / "endurance.yaml").write_text(STUDY)

    def start(self, step: str) -> subprocess.Popen[str]:
        """Start a step's command, or Python code, in a process group of its own."""
        words, _ = STEPS.get(step, (["-c", step], ()))
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        given = {"PYTHONPATH": str(self.folder), "CLN_HOME": str(self.home), "PATH": path}
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=self.folder,
            env={**os.environ, **given, "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def do(self, step: str) -> str:
        """Do a step to its end; what it printed. A failure ends the whole script."""
        process = self.start(step)
        printed, _ = process.communicate()
        if process.returncode:
            sys.exit(f"{step} failed in {self.folder}:\n{printed[-3000:]}")
        return printed

    def last_line(self, step: str) -> str:
        """Do a step that must fail; the last line it printed."""
        process = self.start(step)
        printed, _ = process.communicate()
        lines = [line for line in printed.splitlines() if line.strip()]
        return lines[-1] if process.returncode else "no error"

    def made(self, step: str) -> dict[str, str]:
        """What a step has left: name → hash."""
        files = [f for glob in STEPS[step][1] for top in {self.folder, self.home}
                 for f in top.glob(glob)]  # fmt: skip
        return {
            f.relative_to(self.home if f.is_relative_to(self.home) else self.folder).as_posix():
            hashlib.sha256(f.read_bytes()).hexdigest()
            for f in sorted(files)
        }  # fmt: skip

    def undo(self, step: str) -> None:
        """Remove what a step has left."""
        for name in self.made(step):
            for top in (self.folder, self.home):
                shutil.rmtree((top / name).parent, ignore_errors=True)


def killed(clone: Clone, step: str, kills: int, seconds: float) -> int:
    """Kill a step so often at random moments, then let it end; how often it was begun anew."""
    anew = 0
    while kills:
        process = clone.start(step)
        try:
            process.wait(random.uniform(0.02, 1) * seconds)
            process.communicate()
            clone.undo(step)  # it had already ended: the next kill needs something to do
            anew += 1
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills -= 1
    clone.do(step)
    return anew


def say(what: str, times: object, outcome: str) -> None:
    """A row of the table."""
    print(f"{what:40s} {times!s:>8s}  {outcome}", flush=True)


def compared(ours: dict[str, str], theirs: dict[str, str]) -> str:
    """Whether what one clone has made is equal in another; else the script ends with the names."""
    apart = sorted(name for name, made in ours.items() if theirs.get(name) != made)
    if apart or not ours:
        sys.exit(f"different: {', '.join(apart) or 'nothing was made'}")
    return f"{len(ours)} files equal to the last bit"


@contextmanager
def disk(folder: Path, size: str):
    """A small disk of its own at a folder."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], check=True)
    try:
        yield lambda options: subprocess.run(
            ["mount", "-o", f"remount,{options}", folder], check=True
        )
    finally:
        subprocess.run(["umount", folder], check=True)


def clear(line: str, *words: str) -> str:
    """An error of one line that says what, where and the way out; anything else ends the script."""
    if not re.search(".*".join(words), line):
        sys.exit(f"not a clear error: {line}")
    return re.sub(r"/\S*/", "…/", line)[:150]


def kills(undisturbed: Clone, disturbed: Clone, numbers: dict[str, int]) -> None:
    """Steps, undisturbed in one clone and killed so often in the other."""
    for step, times in numbers.items():
        start = time.monotonic()
        undisturbed.do(step)
        seconds = time.monotonic() - start
        anew = killed(disturbed, step, times, seconds)
        equal = compared(disturbed.made(step), undisturbed.made(step))
        note = f", ended before its kill {anew} times" if anew else ""
        say(f"SIGKILL: {step} ({seconds:.0f} s)", times, f"{equal}{note}")


def disks(clone: Clone, want: Callable[[str], dict[str, str]], folder: Path) -> None:
    """A disk that is full, then has room; a disk that cannot be written."""
    try:
        with disk(folder / "tried", "1m"):
            pass
    except (OSError, subprocess.CalledProcessError):
        say("full or read-only disk", 0, "not tested: needs root and the right to mount")
        return
    for step, size in (("store", "400k"), ("stage 2", "14m")):
        with disk(folder / f"full {step}", size) as remount:
            clone.home = folder / f"full {step}"
            if step == "stage 2":
                shutil.copytree(folder / "home", clone.home, dirs_exist_ok=True)
                clone.undo(step)
            line = clone.last_line(step)
            told = clear(line, "InputError", "No space left", "same command again")
            say(f"disk full: {step}", 1, told)
            remount("size=200m")
            clone.do(step)
            say("  then with room", 1, compared(clone.made(step), want(step)))
            if step == "stage 2":
                remount("ro")
                printed = clone.do(step)
                assert "already recorded" in printed, printed
                say("disk read-only: a finished run", 1, "is read")
                remount("rw")
                clone.undo(step)
                remount("ro")
                line = clone.last_line(step)
                say("disk read-only: a new run", 1, clear(line, "InputError", "Read-only", "mend"))


def rest(clone: Clone, want: Callable[[str], dict[str, str]], folder: Path) -> None:
    """A home of an odd name, two processes at once, files from the future, damaged records."""
    clone.home = folder / "Ärzte & Söhne (1)"
    for step in ("store", "stage 1", "stage 2"):
        clone.do(step)
    say(
        "home with blanks and letters of its own",
        3,
        compared(clone.made("stage 2"), want("stage 2")),
    )
    clone.undo("store")
    clone.undo("stage 2")
    both = [clone.start("stage 2") for _ in range(2)]
    printed = [process.communicate()[0] for process in both]
    assert not any(process.returncode for process in both), printed
    assert sum("epoch   1/3" in text for text in printed) == 1, printed
    say("two processes, one run and one store", 1, compared(clone.made("stage 2"), want("stage 2")))
    for file in clone.home.rglob("*"):
        os.utime(file, (time.time() + 86_400,) * 2)
    assert "already recorded" in clone.do("stage 2")
    say("clock set back by a day: a finished run", 1, "is read")
    (record,) = (done.parent for done in clone.home.glob("runs/endurance/*lam0.1*/done"))
    for name in ("parameters.json", "history.csv", "predictions.parquet", "provenance.json"):
        whole = (record / name).read_bytes()
        (record / name).write_bytes(whole[: len(whole) // 3])
        line = clone.last_line(f"from clnlib import runs; runs.read({str(record)!r})")
        say(f"record cut short: {name}", 1, clear(line, "InputError", record.name))
        (record / name).write_bytes(whole)
    old = sorted((clone.folder / "results").glob("*/*/done"))
    read = "from clnlib import runs; from pathlib import Path; "
    read += (
        "print(sum(len(runs.read(d.parent).history) > 0 for d in Path('results').glob('*/*/done')))"
    )
    assert int(clone.do(read)) == len(old)
    say("records of every earlier version", len(old), "are read")


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("--kills", type=int, default=50)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    random.seed(given.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        undisturbed = Clone(folder / "undisturbed", folder / "home")
        disturbed = Clone(folder / "disturbed")
        subprocess.run(
            ["git", "log", "-1", "--format=commit %h%n"], check=True, cwd=disturbed.folder
        )
        numbers = {step: round(given.kills * share) for step, share in SHARES.items()}
        long = {step: numbers.pop(step) for step in ("study", "publishing")}
        kills(undisturbed, disturbed, numbers)
        other = Clone(folder / "other", folder / "elsewhere")
        disks(other, undisturbed.made, folder)
        rest(other, undisturbed.made, folder)
        kills(undisturbed, disturbed, long)


if __name__ == "__main__":
    main()
