"""What the paper prints, once for all pages: its tables as data frames, its λ, its recipe.

`printed/README.md` says where the tables come from.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from clnlib.metrics.localisation import MEAN
from clnlib.parameters import Prepare, Train

_TABLES = Path(__file__).with_name("printed")
OK, SUSPECT, MISSING = "ok", "suspect", "missing"  # transcription of a row of Table 1
CLN, SOTA = "cln", "sota"  # family of a method: the paper's variants, the state of the art

LAMBDAS: dict[str, float] = {
    "resnet50v2": 0.1,
    "efficientnetb4": 0.1,
    "xception": 0.2,
    "inceptionv3": 0.4,
    "mobilenetv3small": 0.4,
    "chexnet": 0.4,
}
"""The λ each backbone's variant of Tables 1 and 2 was trained with, as section 3.2 lists them."""

LAMBDA_GRID = tuple(k / 10 for k in range(1, 10))
"""The λ of the ablation (section 3.4.2)."""

RECIPE: dict[str, object] = (
    Train(dataset="nih880")
    .filled()
    .model_dump(exclude={*Prepare.model_fields, "study", "backbone", "lam", "seed", "weights"})
)
"""What section 2.3 says, and what it does not mention as Keras has it: the schema's defaults."""

GRADCAM: dict[str, float] = {"CLN-CheXNet": 0.855, "CAM 127": 0.382, "CAM 180": 0.302}
"""Mean IoU accuracy at T = 0.1 of the box head and of boxes from heat maps (section 3.4.3).

At other T Figure 5 is a drawing without numbers.
"""


def table1() -> pd.DataFrame:
    """Table 1: IoU accuracy of 11 methods and variants at seven thresholds.

    Returns
    -------
    DataFrame
        One row per T, method and finding ("Mean" among them): `T`, `method`, `family` ("sota" |
        "cln"), `finding`, `value` (float; NaN where illegible or missing), `printed` (the text as
        it stands), `transcription` ("ok" | "suspect" | "missing"; only "ok" is evidence),
        `corrected` (a near-certain correction, else NaN) and `reason`.
    """
    raw = pd.read_csv(_TABLES / "table1.csv", dtype={"value": "str"})
    table = raw[["T", "method", "family", "finding", "transcription", "reason"]].copy()
    table.insert(4, "value", pd.to_numeric(raw["value"], errors="coerce"))
    table.insert(5, "printed", raw["value"].fillna(""))
    table["corrected"] = raw["value_corrected"]
    return table


def legible() -> pd.DataFrame:
    """The rows of Table 1 that are evidence: their transcription is ok."""
    return table1().query("transcription == @OK")


def table2() -> pd.DataFrame:
    """Table 2: AUC of 13 published methods and the six variants.

    Returns
    -------
    DataFrame
        One row per method and finding ("Mean" among them): `method` (without its citation),
        `reference` (the citation; empty for the variants), `family`, `finding`, `value`.
    """
    raw = pd.read_csv(_TABLES / "table2.csv")
    names = raw["method"].str.extract(r"^(?P<method>.*?)(?: \((?P<reference>.*)\))?$").fillna("")
    return names.join(raw[["family", "finding"]]).assign(value=raw["auc"])


def table3() -> pd.DataFrame:
    """Table 3: `total` and `trainable` parameters and `gflops` of the six variants, by `model`."""
    return pd.read_csv(_TABLES / "table3.csv").set_index("model")


VARIANTS: dict[str, str] = {name.removeprefix("CLN-").lower(): name for name in table3().index}
"""The tables' name of the variant with each backbone."""


def lambda_ranges() -> pd.DataFrame:
    """The mean AUC over λ = 0.1 to 0.9 in the text of section 3.4.2.

    Returns
    -------
    DataFrame
        Index `backbone`; columns `auc_low`, `auc_high` and `auc_sd`, the standard deviation (of
        the sample or of the nine values, the paper does not say).
    """
    return pd.read_csv(_TABLES / "lambda.csv").set_index("backbone")


def official_lists() -> pd.DataFrame:
    """NIH's own two lists of images in numbers; the lists themselves are not part of the package.

    Returns
    -------
    DataFrame
        Index the file name: `sha256` of the file as NIH gives it, `images` (names in it),
        `boxed_images` (of these with an expert box), `boxed_patients` (patients of a boxed image,
        whichever list that is in, who have an image in this list).
    """
    return pd.read_csv(_TABLES / "official_lists.csv").set_index("list")


def comparable(printed: pd.DataFrame, findings: Iterable[str]) -> pd.DataFrame:
    """Rows of Table 1 or 2; without the means where those are over other findings than these."""
    same = {*findings, MEAN} == {*printed["finding"]}
    return printed if same else printed[printed["finding"] != MEAN]


def of_variant(printed: pd.DataFrame, backbone: str, findings: Iterable[str]) -> pd.DataFrame:
    """The `comparable` rows of the variant with a backbone; none for a backbone of no variant."""
    rows = comparable(printed, findings)
    return rows[rows["method"] == VARIANTS.get(backbone)]
