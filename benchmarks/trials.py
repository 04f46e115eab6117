"""Run a study's runs one after the other and print its table, beside the image-blind box.

    python benchmarks/trials.py configs/nih880-trials.yaml [--imagenet FILE] [--share K/N] [--table]

Finished runs are read, unfinished ones continued. `--share 1/4` does the first of four shares of
the stage-2 runs (`--share 0/4` stage 1 alone); `--table` only prints. `--imagenet` takes another
weight file wherever the config says `imagenet`.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from clnlib import paths, runs
from clnlib.evaluation import baselines, metrics
from clnlib.parameters import Study, Train, load_study

SHOWN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("config", type=Path)
    words.add_argument("--imagenet")
    words.add_argument("--share", default="1/1")
    words.add_argument("--table", action="store_true")
    given = words.parse_args()
    study = load_study(given.config)
    if given.imagenet:
        study = Study.check(_replaced(study.model_dump(), "imagenet", given.imagenet))
    if not given.table:
        k, n = map(int, given.share.split("/"))
        _train(study, k, n)
    print(_table(study).to_string(index=False, float_format="%.3f", na_rep="-"))


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(held, old, new) for key, held in value.items()}
    if isinstance(value, list):
        return [_replaced(held, old, new) for held in value]
    return new if value == old else value


def _train(study: Study, k: int, n: int) -> None:
    from clnlib.model.training import finetune, train

    for stage1 in study.finetunes():
        finetune(stage1)
    for place, parameters in enumerate(study.trainings()):
        if place % n == k - 1:
            print(f"== {parameters.run_name()}", flush=True)
            train(parameters)


def _table(study: Study) -> pd.DataFrame:
    """A row per setting, mean over its seeds; the last rows are the blind box of each protocol."""
    rows = pd.DataFrame(row for p in study.trainings() for row in _rows(study, p))
    varied = [c for c in rows if c not in _NUMBERS and c != "seed" and rows[c].nunique() > 1]
    grouped = rows.groupby(varied, sort=False, dropna=False)[list(_NUMBERS)]
    table = grouped.mean().join(grouped.size().rename("seeds")).reset_index()
    spread = grouped[["AUC", "IoU"]].agg(lambda v: v.max() - v.min()).reset_index(drop=True)
    return table.join(spread.add_suffix(" range"))


_NUMBERS = ("best epoch", "AUC", "IoU", *(f"T={t}" for t in SHOWN), "empty")


def _rows(study: Study, p: Train) -> Iterator[dict[str, Any]]:
    folder = paths.runs() / study.name / p.run_name()
    if not runs.is_done(folder):
        return
    run = runs.read(folder)
    setting = {k: str(v) for k, v in p.model_dump().items() if k != "study"}
    setting["weights"] = "stage1" if "-finetune-" in setting["weights"] else setting["weights"]
    test = run.predictions[run.predictions["part"] == "test"]
    best = run.history.set_index("epoch").loc[run.provenance["best_epoch"]]
    yield {
        **setting,
        "best epoch": run.provenance["best_epoch"],
        **_numbers(test, run.findings),
        "AUC": metrics.auc(test, run.findings)[metrics.MEAN],
        "empty": best["val_box_empty"],
    }
    blind = baselines.blind(run.predictions).loc[test.index]
    yield {
        **dict.fromkeys(setting, ""),
        "protocol": p.protocol,
        "weights": "blind box",
        **_numbers(blind, run.findings),
    }


def _numbers(test: pd.DataFrame, findings: tuple[str, ...]) -> dict[str, float]:
    accuracy = metrics.iou_accuracy(test, findings, SHOWN)[metrics.MEAN]
    iou = metrics.mean_iou(test, findings)[metrics.MEAN]
    return {"IoU": iou, **{f"T={t}": accuracy[t] for t in SHOWN}}


if __name__ == "__main__":
    main()
