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
from pathlib import Path

import pandas as pd

from clnbook import names, publish, start, summary, yardsticks
from clnbook.studies import Study, load_study
from clnlib import paths, runs
from clnlib.metrics.classification import mean_auc


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
            publish.published(runs.read(done.parent), given.publish)
    found = [runs.read(done.parent) for done in sorted(folder.glob("*/done"))]
    trained = [run for run in found if run.stage == "train"]
    print(start.on_real(trained), end="\n\n")
    tables = _each(trained), summary.by_setting(trained), summary.by_kept_epoch(trained)
    for table in tables:
        print(table.to_string(float_format="{:.3f}".format, na_rep="-"), end="\n\n")


def _each(found: list[runs.Run]) -> pd.DataFrame:
    """A line per run: its cost, mean AUC and IoU, and the paired difference to each yardstick."""
    lines = {}
    for name, run in zip(names.labels(found), found, strict=True):
        test, iou = run.part("test"), yardsticks.table(run).set_index("series")
        apart = iou.drop(index=summary.NETWORK)[["difference", "low", "high"]]
        lines[name] = {
            "seconds": run.provenance["seconds"],
            "epochs": len(run.history),
            "dead coordinates": summary.dead_coordinates(run),
            "AUC": mean_auc(test, run.findings),
            "mean IoU": iou.loc[summary.NETWORK, "value"],
            **{
                f"less {s}": "{:+.3f} ({:+.3f} to {:+.3f})".format(*v)
                for s, *v in apart.itertuples()
            },
        }
    return pd.DataFrame.from_dict(lines, orient="index")


def _train(study: Study, k: int, n: int) -> None:
    from clnlib.data.identity import identity
    from clnlib.model.training import finetune, train

    for stage1 in study.finetunes():
        finetune(stage1)
    for place, parameters in enumerate(study.trainings()):
        if place % n == k - 1:
            print(f"== {identity(parameters).name}", flush=True)
            train(parameters)


if __name__ == "__main__":
    main()
