"""Claims on the network's layers and size (sections 2.2 and 4, Table 3), counted again by hand.

The counts are those of Keras' bases and of the heads of Figure 1.
"""

from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from clnbook import published
from clnbook.audit.printed import (
    CHEXNET,
    EFFICIENTNET,
    INCEPTION,
    MOBILENET,
    RESNET,
    XCEPTION,
    Printed,
)
from clnbook.audit.verdicts import NOT_CHECKABLE, WORDING, Answer, agree
from clnlib.findings import BOXED


class Base(NamedTuple):
    """A convolutional base without its top.

    Attributes
    ----------
    total, frozen
        Parameters, and those that do not train (moving statistics).
    channels, side
        Of the last feature map for images of 224 x 224.
    gflops
        Of the whole variant, one image forward, an addition and a multiplication counted as two.
    """

    total: int
    frozen: int
    channels: int
    side: int
    gflops: float


# Counts: keras.applications 3.15, include_top=False; GFLOPS: TensorFlow's profiler on the frozen
# graph at 224 x 224 (clnbook.costs measures both anew).
BASES = {
    RESNET: Base(23_564_800, 45_440, 2048, 7, 6.991),
    MOBILENET: Base(939_120, 12_112, 576, 7, 0.117),
    EFFICIENTNET: Base(17_673_823, 125_207, 1792, 7, 3.086),
    INCEPTION: Base(21_802_784, 34_432, 2048, 5, 5.696),
    XCEPTION: Base(20_861_480, 54_528, 2048, 7, 9.137),
    CHEXNET: Base(7_037_504, 83_648, 1024, 7, 5.702),
}
SIDE = 224  # pixels of the images for which the operations are counted
NORMALISATION = 7  # statistics of EfficientNetB4's input layer: 3 means, 3 variances, 1 count
BOX_HEAD = (512, 256, 128, 4)  # outputs of its layers (section 2.2.3)

# ILSVRC 2012: Russakovsky et al., Int. J. Comput. Vis. 115 (2015) 211-252
IMAGENET = {"training": 1_281_167, "validation": 50_000, "test": 100_000}
CLASSES = 1_000  # outputs of the ImageNet weights of keras.applications


def dense(inputs: int, outputs: int) -> int:
    """Parameters of a fully-connected layer with its bias."""
    return inputs * outputs + outputs


def heads(features: int) -> int:
    """Parameters of the finding head and the box head on a feature vector (Figure 1)."""
    box = sum(dense(a, b) for a, b in pairwise((features, *BOX_HEAD)))
    return dense(features, len(BOXED)) + box


def total(model: str, pooling: str = "avg") -> int:
    """All parameters of a variant under global average pooling or a flatten layer."""
    base = BASES[model]
    area = base.side**2 if pooling == "flatten" else 1
    return base.total + heads(base.channels * area)


def totals() -> pd.DataFrame:
    """Table 3's totals beside those of a pooled and of a flattened network, in millions."""
    table = published.table3()
    return pd.DataFrame(
        {
            "printed": table["total"] / 1e6,
            "global average pooling": [total(model) / 1e6 for model in table.index],
            "flatten layer": [total(model, "flatten") / 1e6 for model in table.index],
        },
        index=table.index,
    )


def fits(p: Printed) -> list[str]:
    """The variants whose printed total is that of the pooled network, to 7 parameters."""
    return [m for m in p.size if abs(total(m) - p.size[m][0]) <= NORMALISATION]


def _total_note(model: str) -> str:
    if model != EFFICIENTNET:
        return "With global average pooling before both heads."
    return (
        f"Higher by {NORMALISATION}: the statistics of the input's normalisation layer, which "
        "other versions of Keras may not count."
    )


def total_parameters(p: Printed, model: str) -> Answer:
    """Total parameters of Keras' base and the two heads against Table 3."""
    apart = total(model) - p.size[model][0]
    same = apart == (NORMALISATION if model == EFFICIENTNET else 0)
    return Answer(f"{total(model):,} ({apart:+d})", agree(same), _total_note(model))


def trainable_parameters(p: Printed, model: str) -> Answer:
    """Trainable parameters against Table 3."""
    trainable = total(model) - BASES[model].frozen
    apart = trainable - p.size[model][1]
    return Answer(f"{trainable:,} ({apart:+d})", agree(apart == 0))


def operations(p: Printed, model: str) -> Answer:
    """Operations of one forward pass against Table 3, to 0.01 G."""
    apart = BASES[model].gflops - p.size[model][2]
    cut = abs(apart) > 0.005
    note = "Within 0.01 G, the tolerance here." if cut else ""
    same = round(abs(apart), 3) < 0.01
    return Answer(f"{BASES[model].gflops:.3f} G ({apart:+.3f})", agree(same), note)


def input_size(p: Printed, side: int) -> Answer:
    """The side of the images from Table 3's operations, which grow with the image's area."""
    sides = [SIDE * (p.size[m][2] / BASES[m].gflops) ** 0.5 for m in p.size if m != MOBILENET]
    low, high = min(sides), max(sides)
    note = "From Table 3's operations, which grow as the area; MobileNetV3Small has too few digits."
    return Answer(f"{low:.1f} to {high:.1f}", agree(side - 0.5 < low and high < side + 0.5), note)


def flatten(p: Printed) -> Answer:
    """The totals with a flatten layer against Table 3, and with global average pooling."""
    flat = [total(model, "flatten") / 1e6 for model in p.size]
    note = (
        "A flatten layer after a base that ends in global pooling, average or maximum, changes "
        "nothing. Without pooling, which the text does not name, totals would be "
        f"{min(flat):.1f} to {max(flat):.1f} million."
    )
    fitting = len(fits(p))
    return Answer(f"pooled, then flattened: {fitting} of 6 totals fit", agree(fitting == 6), note)


def layers(p: Printed, model: str = "") -> Answer:
    """The described heads on Keras' bases against the printed totals."""
    fitting = [m for m in fits(p) if model in ("", m)]
    names = [m for m in p.size if model in ("", m)]
    note = "" if model else "EfficientNetB4 to within the 7 statistics of its input layer."
    recomputed = f"{len(fitting)} of {len(names)} totals of Table 3 fit"
    return Answer(recomputed, agree(len(fitting) == len(names)), note)


def box_of_prediction(p: Printed) -> Answer:
    """Whether the counts leave room for a link from the finding head to the box head."""
    note = "Shared features may tie the two all the same; agreement of the heads is not reported."
    recomputed = f"{len(fits(p))} of 6 totals fit without a link between the heads"
    return Answer(recomputed, NOT_CHECKABLE, note)


def trains_in_stage2(p: Printed) -> Answer:
    """Whether the trainable parameters of Table 3 include those of the base."""
    whole = sum(p.size[m][1] == total(m) - BASES[m].frozen for m in p.size)
    note = "If Table 3 shows the network of stage 2, the base was not frozen there."
    recomputed = f"trainable parameters include the base's in {whole} of 6"
    return Answer(recomputed, agree(whole == 6, NOT_CHECKABLE), note)


def variants(p: Printed, number: int) -> Answer:
    """The rows of Table 3."""
    return Answer(f"{len(p.size)} rows", agree(len(p.size) == number))


def base_share(p: Printed) -> Answer:
    """The base's share of the printed totals."""
    shares = [BASES[m].total / p.size[m][0] for m in p.size]
    recomputed = f"{min(shares):.0%} to {max(shares):.0%} of the parameters"
    return Answer(recomputed, agree(min(shares) > 0.5))


def small_bases(p: Printed) -> Answer:
    """The order of the bases against that of the printed totals."""
    by_base = sorted(p.size, key=lambda m: BASES[m].total)
    by_total = sorted(p.size, key=lambda m: p.size[m][0])
    small = f"{by_total[0]} with {p.size[by_total[0]][0]:,} parameters"
    return Answer(f"same order; smallest {small}", agree(by_base == by_total))


def per_second(p: Printed) -> Answer:
    """Whether Table 3's last column is the count of one forward pass."""
    same = sum(round(abs(BASES[m].gflops - p.size[m][2]), 3) < 0.01 for m in p.size)
    note = "FLOPS is often written for FLOPs, the number of operations; a rate needs a time."
    return Answer(f"{same} of 6 are the operations of one image", WORDING, note)


def imagenet(_: Printed, millions: float) -> Answer:
    """The images of the three parts of ILSVRC 2012."""
    parts = ", ".join(f"{number:,} {name}" for name, number in IMAGENET.items())
    number = sum(IMAGENET.values())
    note = "Keras' weights were trained on the training part."
    return Answer(f"{number:,} ({parts})", agree(round(number / 1e6, 1) == millions), note)


def imagenet_classes(_: Printed, number: int) -> Answer:
    """The classes of Keras' weights."""
    return Answer(f"{CLASSES:,} outputs in keras.applications", agree(number == CLASSES))
