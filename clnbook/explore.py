"""Page `explore`: the numbers, boxes and drawn images behind it, as one script file."""

import base64
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook import blind_boxes, changes, classification, experts, localisation, names, published
from clnbook.summary import ACCURACY, BLIND_BOX, dead_coordinates
from clnlib import paths, runs
from clnlib.data import sources
from clnlib.io import write_text
from clnlib.metrics.boxes import iou
from clnlib.metrics.localisation import MEAN, THRESHOLDS
from clnlib.runs import PREDICTED_BOX, TRUE_BOX, Run

RESAMPLES = 2000  # enough for the bands of a curve
PIXELS = 112  # per side of a drawn image
EXAMPLES = 4  # images per finding
QUALITY = 60  # of their JPEG
VALUES = ["value", "low", "high"]
BLIND_VALUES = [BLIND_BOX, f"{BLIND_BOX} low", f"{BLIND_BOX} high"]


def explored(study: Sequence[Run], resamples: int = RESAMPLES) -> dict[str, Any]:
    """What the page shows of a study.

    Parameters
    ----------
    study
        Finished stage-2 runs.
    resamples
        Of the patients.

    Returns
    -------
    dict
        For JSON, numbers rounded to three decimals and None for what is missing: `thresholds`;
        `findings`, the mean last; `runs`, as `_run` has them; `experts`, the radiologists'
        agreement, None where the findings are not the paper's; `paper`, by backbone the printed
        variant's accuracy, both findings by T, and `paperAuc`, its areas; `examples`, by split,
        per box its `finding`, `true` and `blind` box (relative `xyxy`) and `pixels`, a data
        address, which only drawn images have; `watched`, by split the same of the validation
        boxes whose prediction after every epoch a run has in `learning`.
    """
    findings = [*dict.fromkeys(f for run in study for f in run.findings), MEAN]
    splits = names.by_split(study)
    shown = {title: _shown(run) for title, run in splits.items()}
    lines = []
    for label, run in zip(changes.labels(study), study, strict=True):
        (title,) = names.by_split([run])
        boxes = _boxes(run, title, shown[title]) | {"learning": _learning(run)}
        lines.append(_run(run, label, findings, resamples) | boxes)
    examples = {title: _examples(splits[title], rows) for title, rows in shown.items()}
    watched = {title: _examples(run, _watched(run)) for title, run in splits.items()}
    return {
        "thresholds": list(THRESHOLDS),
        "findings": findings,
        "runs": lines,
        "experts": _experts(findings),
        "paper": {run.parameters.backbone: _printed(run, findings) for run in study},
        "paperAuc": {run.parameters.backbone: _printed_auc(run, findings) for run in study},
        "examples": examples,
        "watched": watched,
    }


def _run(run: Run, label: str, findings: Sequence[str], resamples: int) -> dict[str, Any]:
    """A run's name, dead coordinates and share of empty boxes; its numbers and the blind box's."""
    auc = classification.table(run, resamples=resamples).set_index("finding")
    table = localisation.table(run, resamples=resamples)
    table = table[table["quantity"] == ACCURACY].set_index(["finding", "T"])
    cells = pd.MultiIndex.from_product([findings, THRESHOLDS])
    boxes = run.part("test")[PREDICTED_BOX].clip(0, 1)
    accuracy = table[VALUES + BLIND_VALUES].astype(float).reindex(cells).to_numpy()
    return {
        "label": label,
        "backbone": run.parameters.backbone,
        "lam": run.train.lam,
        "dead": dead_coordinates(run),
        "empty": round(float((iou(boxes, boxes) == 0).mean()), 3),
        "auc": _numbers(auc[VALUES].astype(float).reindex(findings).to_numpy()),
        "accuracy": _numbers(accuracy.reshape(len(findings), len(THRESHOLDS), -1)),
    }


def _experts(findings: Sequence[str]) -> Any:
    table = experts.ceilings()
    return _numbers(table.loc[findings].to_numpy()) if set(findings) == {*table.index} else None


def _printed(run: Run, findings: Sequence[str]) -> Any:
    """Table 1's legible cells of the variant with a run's backbone: findings by T."""
    rows = published.of_variant(published.legible(), run.parameters.backbone, run.findings)
    cells = rows.set_index(["finding", "T"])["value"].astype(float)
    every = pd.MultiIndex.from_product([findings, THRESHOLDS])
    return _numbers(cells.reindex(every).to_numpy().reshape(len(findings), len(THRESHOLDS)))


def _printed_auc(run: Run, findings: Sequence[str]) -> Any:
    """Table 2's areas of the variant with a run's backbone, a finding each."""
    rows = published.of_variant(published.table2(), run.parameters.backbone, run.findings)
    return _numbers(rows.set_index("finding")["value"].astype(float).reindex(findings).to_numpy())


def _shown(run: Run) -> pd.DataFrame:
    """A few test boxes of each finding, evenly spaced by image name: chosen without the results."""
    test = run.part("test").sort_values(["image", "finding"])
    groups = dict(list(test.groupby("finding")))
    spaced = {f: np.linspace(0, len(rows) - 1, EXAMPLES).astype(int) for f, rows in groups.items()}
    return pd.concat([groups[f].iloc[np.unique(spaced[f])] for f in run.findings if f in groups])


def _boxes(run: Run, title: str, shown: pd.DataFrame) -> dict[str, Any]:
    """The boxes a run predicts for the examples of its split."""
    keys = ["image", "finding", *TRUE_BOX]
    predicted = run.predictions.drop_duplicates(keys).set_index(keys)[PREDICTED_BOX].clip(0, 1)
    rows = predicted.reindex(pd.MultiIndex.from_frame(shown[keys]))
    return {"split": title, "boxes": _numbers(rows.to_numpy(dtype=float))}


def _watched(run: Run) -> pd.DataFrame:
    """The rows of validation whose boxes a history holds."""
    rows = run.part("validation")
    return rows.iloc[runs.watched(len(rows))]


def _learning(run: Run) -> dict[str, Any] | None:
    """The boxes of `_watched` after each epoch, and which was kept; None in older records."""
    number = len(_watched(run))
    columns = [f"val_{name}_{k}" for k in range(number) for name in PREDICTED_BOX]
    if not {*columns} <= {*run.history.columns}:
        return None
    boxes = run.history[columns].to_numpy().clip(0, 1).reshape(-1, number, 4)
    return {"kept": run.provenance["best_epoch"], "boxes": _numbers(boxes)}


def _examples(run: Run, shown: pd.DataFrame) -> list[dict[str, Any]]:
    blind = blind_boxes.blind(run.predictions).loc[shown.index, PREDICTED_BOX].to_numpy(dtype=float)
    true = shown[TRUE_BOX].to_numpy(dtype=float)
    pixels: list[str | None] = [None] * len(shown)
    if run.parameters.dataset == "phantom":  # no radiograph's pixels may lie on a page
        source = sources.boxed(run.train.model_copy(update={"image_size": PIXELS}))
        pixels = [_jpeg(source.read(image)[0]) for image in shown["image"]]
    boxes = zip(shown["finding"], _numbers(true), _numbers(blind), pixels, strict=True)
    return [dict(zip(("finding", "true", "blind", "pixels"), each, strict=True)) for each in boxes]


def _jpeg(grey: NDArray[np.uint8]) -> str:
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(grey).save(held, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode()


def _numbers(values: NDArray[np.float64]) -> Any:
    """Nested lists of three decimals, None for NaN."""
    if values.ndim:
        return [_numbers(value) for value in values]
    return None if np.isnan(values) else round(float(values), 3)


def main(words: list[str]) -> None:
    """`python -m clnbook.explore FILE [STUDY ...]`: the script of these or all published ones."""
    if not words:
        raise SystemExit(main.__doc__)
    published = sorted({file.parents[1].name for file in paths.results().glob("*/*/done")})
    data = {name: explored(runs.study(name)) for name in words[1:] or published}
    text = "window.clnExplore = " + json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    write_text(Path(words[0]), text + ";\n")


if __name__ == "__main__":
    main(sys.argv[1:])
