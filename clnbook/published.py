"""The printed tables of the paper, as data frames (`printed/README.md` says where from)."""

from pathlib import Path

import pandas as pd

_TABLES = Path(__file__).with_name("printed")
OK, SUSPECT, MISSING = "ok", "suspect", "missing"  # transcription of a row of Table 1
CLN, SOTA = "cln", "sota"  # family of a method: the paper's variants, the state of the art

VARIANTS: dict[str, str] = {
    "resnet50v2": "CLN-ResNet50V2",
    "mobilenetv3small": "CLN-MobileNetV3Small",
    "efficientnetb4": "CLN-EfficientNetB4",
    "inceptionv3": "CLN-InceptionV3",
    "xception": "CLN-Xception",
    "chexnet": "CLN-CheXNet",
}
"""The tables' name of the variant with each backbone."""

LAMBDAS: dict[str, float] = {
    "resnet50v2": 0.1,
    "efficientnetb4": 0.1,
    "xception": 0.2,
    "inceptionv3": 0.4,
    "mobilenetv3small": 0.4,
    "chexnet": 0.4,
}
"""The λ each backbone's variant of Tables 1 and 2 was trained with, as section 3.2 lists them."""


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


def lambda_ranges() -> pd.DataFrame:
    """The mean AUC over λ = 0.1 to 0.9 in the text of section 3.4.2.

    Returns
    -------
    DataFrame
        Index `backbone`; columns `auc_low`, `auc_high` and `auc_sd`, the standard deviation (of
        the sample or of the nine values, the paper does not say).
    """
    return pd.read_csv(_TABLES / "lambda.csv").set_index("backbone")
