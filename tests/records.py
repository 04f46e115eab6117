"""A run's record made up in memory; shared by several test files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from clnlib.metrics.localisation import MEAN
from clnlib.parameters import Train
from clnlib.runs import PREDICTED_BOX, PROBABILITY, TRUE_BOX, Run

FINDINGS = ("Cardiomegaly", "Mass", "crack")  # two of the paper's and a reader's own
EVERY = [*FINDINGS, MEAN]


def run_of(name: str = "run-1", seed: int = 0, drop: str = "", findings=FINDINGS, **parameters):
    """A run's record: patients with several boxes, images with two, boxes of any overlap."""
    number = 150
    rng = np.random.default_rng(seed)
    corners = np.sort(rng.uniform(0, 1, (number, 2, 2)), axis=1).reshape(number, 4)
    image = np.arange(number) // 2
    table = pd.DataFrame({"image": [f"{k}.png" for k in image]})
    table["patient"] = (image // 2).astype(str)
    table["finding"] = rng.choice(findings, number)
    table["part"] = np.array(["train", "validation", "test"])[image // 2 % 3]
    jitter = (corners + rng.normal(0, 0.08, (number, 4))).clip(0, 1)
    table[TRUE_BOX], table[PREDICTED_BOX] = corners, jitter[image * 2]
    for finding in findings:
        chance = rng.uniform(0, 1, number)[image * 2]
        table[PROBABILITY + finding] = chance
    table = table[~((table["part"] == "test") & (table["finding"] == drop))]
    given = Train.model_construct(**{"backbone": "chexnet", "dataset": "nih880", **parameters})
    return Run(Path(name), given, pd.DataFrame(), table, {"findings": list(findings)})


def changed(run: Run, **parameters) -> Run:
    """The same record under other parameters."""
    return replace(run, parameters=run.parameters.model_copy(update=parameters))
