"""Page `complexity`: what the six networks cost beside the printed, and how they are built.

Table 3 and Figure 1 (sections 2.2 and 4).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from clnbook import published
from clnbook.style import INK, MISSING, OTHER, PREDICTED, SMALL, TRUE, Page, page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOLERANCE = 0.005  # relative difference of FLOPs that needs no reason

_COLOURS = {"finding": TRUE, "box": PREDICTED}  # of the heads; what they share is OTHER
_WIDTH, _HEIGHT = 0.46, 0.7  # of a block, in columns and rows
_LABELS = {
    "image": "grey image",
    "pool": "global average pooling",
    "flatten": "flatten",
    "finding": "finding head",
    "box": "box head, output",
}
_TITLES = {
    "pool": "Average pooling, which Table 3 counts, not flatten",
    "flatten": "Flatten, as section 2.2 says; Table 3 counts average pooling",
}
_LOSSES = {"finding": "λ · cross-entropy", "box": "(1 − λ) · (1 − IoU)"}  # Eq. 1, 3, 4


def table(measured: pd.DataFrame) -> pd.DataFrame:
    """Our counts beside Table 3's.

    Parameters
    ----------
    measured
        From `clnbook.costs.measured`: `model`, `total`, `trainable`, `statistics`,
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
    frame = pd.DataFrame(index=ours.index)
    for name in ("total", "trainable"):
        frame[name] = ours[name]
        frame[f"printed {name}"] = printed[name].astype("Int64")
    frame["GFLOPs"] = ours["flops"] / 1e9
    frame["printed GFLOPs"] = printed["gflops"]
    frame["ratio"] = frame["GFLOPs"] / frame["printed GFLOPs"]
    reasons = [_reason(row, ours.loc[name, "statistics"]) for name, row in frame.iterrows()]
    return frame.assign(inside=[not reason for reason in reasons], reason=reasons)


def _reason(row: pd.Series, statistics: int) -> str:
    """Why a row is not what is printed; "" where it is."""
    if pd.isna(row["printed total"]):
        return "not in the paper"
    reasons = []
    more = row["total"] - row["printed total"]
    if more and more == statistics:
        reasons.append(f"total {more:+d}: mean, variance and count of its Normalization layer")
    elif more:
        reasons.append(f"total {more:+d}")
    if other := row["trainable"] - row["printed trainable"]:
        reasons.append(f"trainable {other:+d}")
    if abs(row["ratio"] - 1) > TOLERANCE:
        rounded = round(row["GFLOPs"], 2) == row["printed GFLOPs"]
        reasons.append("FLOPs printed to two decimals" if rounded else "FLOPs differ")
    return "; ".join(reasons)


def styled(frame: pd.DataFrame, marked: Sequence[str] = ()) -> Page:
    """`table` for a page, the networks in `marked` in bold."""
    caption = "Table 3: parameters and GFLOPs, ours beside the printed."
    if marked:
        caption += " In bold: the study's own backbones."
    formats = dict.fromkeys((n for n in frame if n.endswith(("total", "trainable"))), "{:,}")
    formats["printed GFLOPs"] = "{:.2f}"
    shown = frame.assign(inside=frame["inside"].map({True: "yes", False: "no"}))
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
        From `clnbook.costs.measured`: `model`, `total`, `flatten_total`.
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
        From `clnbook.costs.measured`: `model`, `weights_mb`, `latency_ms`, `threads`.
    """
    ours = measured.set_index("model")
    shown = ours[["weights_mb", "latency_ms"]].set_axis(["weights, MB", "one image, ms"], axis=1)
    threads = ", ".join(map(str, sorted(ours["threads"].unique())))
    caption = f"Parameters in float32, and the median time of one image on {threads} threads."
    return page(shown, caption).format(precision=0)


def blocks(model: Any) -> list[dict[str, Any]]:
    """The blocks of Figure 1, from the Keras model itself.

    Parameters
    ----------
    model
        From `clnlib.model.network.build_cln`.

    Returns
    -------
    list of dict
        In the order of the data: the image, the backbone as one block, the pooling, the finding
        head, the layers of the box head. `name`; `after`, the name of the block it reads (None
        for the image); `shape` of its output without the batch; `parameters`; `layers`, how many
        Keras layers it stands for; `activation`, "" where it has none.
    """
    from clnlib.model.backbones import BACKBONES
    from clnlib.model.network import BOX_UNITS, HIDDEN, backbone_layers

    base = backbone_layers(model)
    pool = model.layers[model.layers.index(base[-1]) + 1].name
    title = BACKBONES[model.name.removeprefix("cln_")].title
    heads = ["finding", *(f"box_fc{k}" for k in range(1, len(HIDDEN) + 1)), "box"]
    before = dict(zip(heads, [pool, pool, *heads[1:-1]], strict=True))
    drawn = [
        _block("image", None, model.layers[:1]),
        _block(title, "image", base),
        _block(pool, title, [model.get_layer(pool)]),
    ]
    for name in heads:
        # The last box layer may be followed by one that turns its pixels into relative values.
        parts = [x for x in model.layers if x.name in (name, BOX_UNITS["pixels"] * (name == "box"))]
        drawn.append(
            _block(name, before[name], parts) | {"activation": parts[0].activation.__name__}
        )
    return drawn


def _block(name: str, after: str | None, layers: list[Any]) -> dict[str, Any]:
    return {
        "name": name,
        "after": after,
        "shape": tuple(layers[-1].output.shape[1:]),
        "parameters": sum(layer.count_params() for layer in layers),
        "layers": len(layers),
        "activation": "",
    }


def draw(blocks: Sequence[Mapping[str, Any]], axes: "Axes") -> "Axes":
    """The blocks of a network from top to bottom, the finding head left, the box head right.

    Drawn for a column of 3.5 inches, which is a telephone's width too; 5 inches high.

    Parameters
    ----------
    blocks
        From `clnbook.costs.blocks`: `name`, `after`, `shape`, `parameters`, `layers`,
        `activation`.
    axes
        Where to draw.
    """
    places = _places(blocks)
    for block in blocks:
        _draw(block, places, axes)
    rows = max(-y for _, y in places.values())
    total = sum(block["parameters"] for block in blocks)
    pooling = _TITLES[next(name for name in _TITLES if name in places)]
    axes.set_title(f"{pooling}:\n{total:,} parameters", fontsize=SMALL + 1)
    axes.set(xlim=(0, 1), ylim=(-rows - 0.85, 0.4))
    axes.set_axis_off()
    return axes


def _places(blocks: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """The centre of each block: the shared ones in the middle, then a column for each head."""
    places: dict[str, tuple[float, float]] = {}
    for block in blocks:
        head = block["name"].split("_")[0]
        x = {"finding": 0.25, "box": 0.75}.get(head, 0.5)
        before = places.get(block["after"])
        places[block["name"]] = (x, before[1] - 1 if before else 0.0)
    return places


def _draw(
    block: Mapping[str, Any], places: Mapping[str, tuple[float, float]], axes: "Axes"
) -> None:
    from matplotlib.patches import FancyBboxPatch

    name = block["name"]
    x, y = places[name]
    colour = _COLOURS.get(name.split("_")[0], OTHER)
    corner = (x - _WIDTH / 2, y - _HEIGHT / 2)
    style = "round,pad=0,rounding_size=0.02"
    axes.add_patch(
        FancyBboxPatch(corner, _WIDTH, _HEIGHT, style, fc=colour, ec=colour, alpha=0.08, lw=0)
    )
    axes.add_patch(FancyBboxPatch(corner, _WIDTH, _HEIGHT, style, fill=False, ec=colour, lw=1))
    axes.text(x, y, _words(block), ha="center", va="center", fontsize=SMALL, linespacing=1.3)
    if block["after"] is not None:
        x0, y0 = places[block["after"]]
        arrow = {"arrowstyle": "->", "lw": 1, "color": INK, "shrinkA": 0, "shrinkB": 0}
        start, end = (x0, y0 - _HEIGHT / 2), (x, y + _HEIGHT / 2)
        axes.annotate("", xy=end, xytext=start, arrowprops=arrow)
    if name in _LOSSES:
        below = y - _HEIGHT / 2 - 0.08
        axes.text(x, below, _LOSSES[name], ha="center", va="top", fontsize=SMALL, style="italic")


def _words(block: Mapping[str, Any]) -> str:
    """What stands in a block: its name, then its output, then its parameters."""
    name = block["name"]
    label = _LABELS.get(name, name.replace("box_fc", "box head, layer "))
    if block["layers"] > 1:
        label += f", {block['layers']} layers"
    shape = " × ".join(map(str, block["shape"]))
    activation = block["activation"].replace("relu", "ReLU")
    output = f"{shape} {activation}".strip()
    parameters = f"\n{block['parameters']:,} parameters" if block["parameters"] else ""
    return f"{label}\n{output}{parameters}"
