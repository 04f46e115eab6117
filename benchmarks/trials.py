"""Run a study's runs one after the other and print its table, beside the image-blind box.

    python benchmarks/trials.py configs/nih880-trials.yaml [--imagenet FILE] [--share K/N]
    python benchmarks/trials.py --table results/nih880-trials
    python benchmarks/trials.py --table runs/nih880-trials --publish results/nih880-trials

Finished runs are read, unfinished ones continued. `--share 1/4` does the first of four shares of
the stage-2 runs (`--share 0/4` stage 1 alone). `--imagenet` takes another weight file wherever the
config says `imagenet`. `--table` only prints, from the records in a folder; `--publish` copies
them elsewhere without weights.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from clnlib import paths, runs
from clnlib.evaluation import baselines, metrics
from clnlib.studies import Study, load_study


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("config", type=Path, nargs="?")
    words.add_argument("--imagenet")
    words.add_argument("--share", default="1/1")
    words.add_argument("--table", type=Path)
    words.add_argument("--publish", type=Path)
    given = words.parse_args()
    folder = given.table
    if folder is None:
        study = load_study(given.config)
        if given.imagenet:
            study = study.with_imagenet(given.imagenet)
        _train(study, *map(int, given.share.split("/")))
        folder = paths.runs() / study.name
    if given.publish:
        for done in sorted(folder.glob("*/done")):
            runs.publish(runs.read(done.parent), given.publish)
    print(table(folder).to_string(index=False, float_format="%.3f", na_rep="-"))


def _train(study: Study, k: int, n: int) -> None:
    from clnlib.model.training import finetune, train

    for stage1 in study.finetunes():
        finetune(stage1)
    for place, parameters in enumerate(study.trainings()):
        if place % n == k - 1:
            print(f"== {parameters.run_name()}", flush=True)
            train(parameters)


_NUMBERS = ("best epoch", "AUC", "IoU", *(f"T={t}" for t in metrics.THRESHOLDS), "empty")


def table(folder: Path) -> pd.DataFrame:
    """A row per setting, mean over its seeds, and one per split for its blind box."""
    found = sorted(folder.glob("*/done"))
    rows = pd.DataFrame(row for done in found for row in _rows(runs.read(done.parent)))
    trained = rows[rows["AUC"].notna()]
    settings = [c for c in rows if c not in (*_NUMBERS, "seed", "study", "restart")]
    varied = [c for c in settings if trained[c].nunique() > 1 or c == "weights"]
    groups = rows.groupby(varied, sort=False, dropna=False)
    spread = groups[["AUC", "IoU"]].agg(lambda v: v.max() - v.min()).add_suffix(" range")
    means = groups[list(_NUMBERS)].mean().join(groups.size().rename("seeds")).join(spread)
    return means.reset_index()


def _rows(run: runs.Run) -> Iterator[dict[str, Any]]:
    """The numbers of a stage-2 run's test, and of the blind box on the same split."""
    p = {key: str(value) for key, value in run.parameters.items()}
    if p.pop("stage") != "train":
        return
    p["weights"] = "stage 1" if "-finetune-" in p["weights"] else p["weights"].split("_notop")[0]
    test = run.predictions[run.predictions["part"] == "test"]
    best = run.provenance["best_epoch"]
    yield {
        **p,
        "best epoch": best,
        **_numbers(test, run.findings),
        "AUC": metrics.auc(test, run.findings)[metrics.MEAN],
        "empty": run.history.set_index("epoch").loc[best, "val_box_empty"],
    }
    blind = baselines.blind(run.predictions).loc[test.index]
    told = {**dict.fromkeys(p, ""), "protocol": p["protocol"], "weights": "(blind box)"}
    yield {**told, **_numbers(blind, run.findings)}


def _numbers(test: pd.DataFrame, findings: tuple[str, ...]) -> dict[str, float]:
    accuracy = metrics.iou_accuracy(test, findings)[metrics.MEAN]
    iou = metrics.mean_iou(test, findings)[metrics.MEAN]
    return {"IoU": iou, **{f"T={t}": accuracy[t] for t in metrics.THRESHOLDS}}


if __name__ == "__main__":
    main()
