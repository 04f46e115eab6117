"""Table 3: what the six networks cost, ours beside the printed."""

from collections.abc import Sequence

import pandas as pd

from clnbook import published
from clnbook.tables.style import MISSING, Page, page

TOLERANCE = 0.005  # relative difference of FLOPs that needs no reason


def complexity_table(measured: pd.DataFrame) -> pd.DataFrame:
    """Our counts beside Table 3's.

    Parameters
    ----------
    measured
        From `clnlib.model.complexity.measured`: `model`, `total`, `trainable`, `statistics`,
        `flops`, one row per network.

    Returns
    -------
    DataFrame
        By `model`, in the given order: `total`, `printed total`, `trainable`,
        `printed trainable`, `GFLOPs`, `printed GFLOPs`, `ratio` (of the FLOPs, ours to printed),
        `inside` (counts equal and FLOPs inside 0.5 %) and `reason` where not, else "". Printed
        values are NaN for a network the paper does not have.
    """
    ours = measured.set_index("model")
    printed = published.table3().reindex(ours.index)
    table = pd.DataFrame(index=ours.index)
    for name in ("total", "trainable"):
        table[name] = ours[name]
        table[f"printed {name}"] = printed[name].astype("Int64")
    table["GFLOPs"] = ours["flops"] / 1e9
    table["printed GFLOPs"] = printed["gflops"]
    table["ratio"] = table["GFLOPs"] / table["printed GFLOPs"]
    reasons = [_reason(row, ours.loc[name, "statistics"]) for name, row in table.iterrows()]
    table["inside"] = [not reason for reason in reasons]
    table["reason"] = reasons
    return table


def _reason(row: pd.Series, statistics: int) -> str:
    """Why a row is not what is printed; "" where it is."""
    if pd.isna(row["printed total"]):
        return "not in the paper"
    found = []
    more = row["total"] - row["printed total"]
    if more and more == statistics:
        found.append(f"total {more:+d}: mean, variance and count of its Normalization layer")
    elif more:
        found.append(f"total {more:+d}")
    if other := row["trainable"] - row["printed trainable"]:
        found.append(f"trainable {other:+d}")
    if abs(row["ratio"] - 1) > TOLERANCE:
        rounded = round(row["GFLOPs"], 2) == row["printed GFLOPs"]
        found.append("FLOPs printed to two decimals" if rounded else "FLOPs differ")
    return "; ".join(found)


def styled_complexity(table: pd.DataFrame, marked: Sequence[str] = ()) -> Page:
    """`complexity_table` for a page, the networks in `marked` in bold."""
    caption = "Table 3: parameters and GFLOPs, ours beside the printed."
    if marked:
        caption += " In bold: the study's own backbones."
    formats = dict.fromkeys((n for n in table if n.endswith(("total", "trainable"))), "{:,}")
    formats["printed GFLOPs"] = "{:.2f}"
    shown = table.assign(inside=table["inside"].map({True: "yes", False: "no"}))
    return (
        page(shown, caption)
        .format(formats, precision=3, na_rep=MISSING)
        .map_index(lambda name: f"font-weight: {'bold' if name in marked else 'normal'}")
    )


def styled_pooling(measured: pd.DataFrame) -> Page:
    """Total parameters with global average pooling, as printed, and with a flatten layer.

    Parameters
    ----------
    measured
        From `clnlib.model.complexity.measured`: `model`, `total`, `flatten_total`.
    """
    ours = measured.set_index("model")
    shown = pd.DataFrame(
        {
            "average pooling": ours["total"],
            "printed": published.table3()["total"].reindex(ours.index).astype("Int64"),
            "flatten": ours["flatten_total"],
            "flatten / printed": ours["flatten_total"] / published.table3()["total"],
        }
    ).loc[ours.index]
    low, high = (ours["flatten_total"].agg(["min", "max"]) / 1e6).round(1)
    caption = f"Total parameters by pooling; with a flatten layer {low} to {high} million."
    formats = dict.fromkeys(("average pooling", "printed", "flatten"), "{:,}")
    return page(shown, caption).format(formats, precision=2, na_rep=MISSING)


def styled_latency(measured: pd.DataFrame) -> Page:
    """Memory of the parameters and time of one image.

    Parameters
    ----------
    measured
        From `clnlib.model.complexity.measured`: `model`, `weights_mb`, `latency_ms`, `threads`.
    """
    ours = measured.set_index("model")
    shown = ours[["weights_mb", "latency_ms"]].set_axis(["weights, MB", "one image, ms"], axis=1)
    threads = ", ".join(map(str, sorted(ours["threads"].unique())))
    caption = f"Parameters in float32, and the median time of one image on {threads} threads."
    return page(shown, caption).format(precision=0)
