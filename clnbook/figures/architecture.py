"""Figure 1: the network as it is built."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clnbook.figures.style import INK, OTHER, PREDICTED, SMALL, TRUE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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


def architecture(blocks: Sequence[Mapping[str, Any]], axes: "Axes") -> "Axes":
    """The blocks of a network from top to bottom, the finding head left, the box head right.

    Drawn for a column of 3.5 inches, which is a telephone's width too; 5 inches high.

    Parameters
    ----------
    blocks
        From `clnlib.model.complexity.blocks`: `name`, `after`, `shape`, `parameters`, `layers`,
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
