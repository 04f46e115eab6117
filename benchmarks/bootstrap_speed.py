"""Resampling patients all at once against two loops over resamples: the ratios of their times.

    python benchmarks/bootstrap_speed.py [--run results/<study>/<run>] [--resamples 10000]

The work is that of Tables 1 and 2 for one run: AUC of every finding and IoU accuracy of every
finding at seven T, for every resample of the test patients. Peers: a plain loop that repeats the
drawn rows and calls scikit-learn, and the usual pandas way (`sample` with replacement, then a
group-by and scikit-learn). The loops run `--loop` resamples; their times are scaled up. Seconds
are those of the processor, so that a busy machine changes little; ours and the peers' turns
alternate and the medians count. The plain loop uses our resamples, and the largest difference
of its numbers from ours is printed.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from clnlib import paths, runs
from clnlib.metrics import bootstrap
from clnlib.metrics import localisation as metrics
from clnlib.runs import PROBABILITY

HITS = [f"above {t}" for t in metrics.THRESHOLDS]


def ours(rows: pd.DataFrame, findings: tuple[str, ...], resamples: int) -> np.ndarray:
    """(1 + R, F, 8): AUC, then IoU accuracy at each T; drawing the resamples included."""
    drawn = bootstrap.counts(rows["patient"], resamples)
    truth = np.stack([rows["finding"] == f for f in findings], axis=1)
    areas = [
        bootstrap.auc(truth[:, k], rows[PROBABILITY + f], drawn) for k, f in enumerate(findings)
    ]
    accuracy = bootstrap.group_means(rows[HITS], truth, drawn)
    return np.concatenate([np.stack(areas, axis=1)[:, :, None], accuracy], axis=2)


def plain_loop(rows: pd.DataFrame, findings: tuple[str, ...], resamples: int) -> np.ndarray:
    """The same numbers, one resample after the other, from repeated rows."""
    drawn = bootstrap.counts(rows["patient"], resamples)[1:].astype(int)
    finding, hits = rows["finding"].to_numpy(), rows[HITS].to_numpy()
    scores = rows[[PROBABILITY + f for f in findings]].to_numpy()
    table = np.full((resamples, len(findings), 1 + len(HITS)), np.nan)
    for r, counts in enumerate(drawn):
        again = np.repeat(np.arange(len(rows)), counts)
        for k, name in enumerate(findings):
            true = finding[again] == name
            if true.any():
                table[r, k, 0] = roc_auc_score(true, scores[again, k])
                table[r, k, 1:] = hits[again][true].mean(axis=0)
    return table


def pandas_loop(rows: pd.DataFrame, findings: tuple[str, ...], resamples: int) -> None:
    """Patients by `sample`, their rows by a merge, accuracies by a group-by; draws of its own."""
    patients = rows[["patient"]].drop_duplicates()
    for seed in range(resamples):
        again = patients.sample(frac=1, replace=True, random_state=seed).merge(rows, on="patient")
        again.groupby("finding")[HITS].mean()
        for name in findings:
            true = again["finding"] == name
            if true.any():
                roc_auc_score(true, again[PROBABILITY + name])


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--run", help="a finished run; default: the first of the published trials")
    words.add_argument("--resamples", type=int, default=10_000)
    words.add_argument("--loop", type=int, default=50)
    words.add_argument("--repeats", type=int, default=3)
    given = words.parse_args()
    place = paths.results() / "nih880-trials"
    run = runs.read(Path(given.run)) if given.run else runs.study(str(place))[0]
    rows = run.part("test").reset_index(drop=True)
    overlap = metrics.box_iou(rows)
    rows = rows.assign(**{h: overlap > t for h, t in zip(HITS, metrics.THRESHOLDS, strict=True)})
    task = rows, run.findings
    far = np.nanmax(np.abs(plain_loop(*task, 20) - ours(*task, 20)[1:]))
    print(f"largest difference between ours and the plain loop: {far:.1e}")
    ways: dict[str, tuple[Callable[[], object], float]] = {
        "ours": (lambda: ours(*task, given.resamples), 1),
        "plain loop": (lambda: plain_loop(*task, given.loop), given.resamples / given.loop),
        "pandas loop": (lambda: pandas_loop(*task, given.loop), given.resamples / given.loop),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(given.repeats):
        for name, (work, scale) in ways.items():
            taken[name].append(scale * seconds(work))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, value in medians.items():
        scaled = "" if name == "ours" else f" (scaled up from {given.loop})"
        ratio = value / medians["ours"]
        print(f"{name:11s} {value:8.2f} s for {given.resamples} resamples{scaled}: {ratio:.0f}×")


if __name__ == "__main__":
    main()
