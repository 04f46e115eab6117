"""Where the minutes of `make test` and `make book` go, each on a fresh clone of the last commit.

    bash benchmarks/run.sh minutes

`make book` is timed by its two parts, the study and the site. The tests' seconds are those of both
workers together, by file; `make` prints to the standard error. It fails if a command fails or
changes the checkout.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
# Command → its parts, in their order.
COMMANDS = {
    "test": [".venv/installed", "test"],
    "book": [".venv/installed", "study STUDY=phantom", "site"],
}
FILES = 15  # those that take longest


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="minutes-") as folder:
        noted = Path(folder) / "tests.xml"
        os.environ["PYTEST_ADDOPTS"] = f"--junitxml={noted}"
        for command, parts in COMMANDS.items():
            clone = Path(folder) / command
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            seconds = {part: _make(clone, part) for part in parts}
            print(f"make {command}: {_clock(sum(seconds.values()))}")
            print("".join(f"{_clock(took):>13}  {part}\n" for part, took in seconds.items()))
            status = ["git", "status", "--short"]
            if changed := subprocess.check_output(status, cwd=clone, text=True):
                raise SystemExit(f"make {command} changed files of the checkout:\n{changed}")
        print(by_file(noted))


def by_file(noted: Path) -> str:
    """The tests' seconds by file, from pytest's record, as a table."""
    cases = pd.DataFrame([case.attrib for case in ElementTree.parse(noted).iter("testcase")])
    cases["time"] = cases["time"].astype(float)
    # a class's tests are their file's
    names = cases["classname"].str.replace(r"\.[A-Z]\w*$", "", regex=True)
    table = cases.groupby(names)["time"].agg(["size", "sum"]).sort_values("sum", ascending=False)
    table.columns = ["tests", "seconds"]
    rest, total = table.iloc[FILES:].sum(), table.sum()
    shown = table.iloc[:FILES].T
    shown[f"{len(table) - FILES} other files"], shown["all"] = rest, total
    return shown.T.rename_axis(None).to_string(float_format="{:.0f}".format)


def _make(clone: Path, part: str) -> float:
    """Seconds that a part took; what it prints goes to the standard error."""
    start = time.perf_counter()
    subprocess.run(["make", *part.split()], check=True, cwd=clone, stdout=sys.stderr)
    return time.perf_counter() - start


def _clock(seconds: float) -> str:
    return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"


if __name__ == "__main__":
    main()
