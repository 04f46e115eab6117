"""The size of the six variants by hand: Keras' bases and the heads of Figure 1 (Table 3)."""

from itertools import pairwise
from typing import NamedTuple

from clnbook.audit.claims.printed import (
    CHEXNET,
    EFFICIENTNET,
    INCEPTION,
    MOBILENET,
    RESNET,
    XCEPTION,
    Printed,
)


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
# graph at 224 x 224 (clnlib.model.complexity measures both anew).
BASES = {
    RESNET: Base(23_564_800, 45_440, 2048, 7, 6.991),
    MOBILENET: Base(939_120, 12_112, 576, 7, 0.117),
    EFFICIENTNET: Base(17_673_823, 125_207, 1792, 7, 3.086),
    INCEPTION: Base(21_802_784, 34_432, 2048, 5, 5.696),
    XCEPTION: Base(20_861_480, 54_528, 2048, 7, 9.137),
    CHEXNET: Base(7_037_504, 83_648, 1024, 7, 5.702),
}
NORMALISATION = 7  # statistics of EfficientNetB4's input layer: 3 means, 3 variances, 1 count
BOX_HEAD = (512, 256, 128, 4)


def dense(inputs: int, outputs: int) -> int:
    """Parameters of a fully-connected layer with its bias."""
    return inputs * outputs + outputs


def heads(features: int, hidden: tuple[int, ...] = BOX_HEAD, findings: int = 8) -> int:
    """Parameters of the finding head and the box head on a feature vector (Figure 1)."""
    widths = (features, *hidden)
    box = sum(dense(a, b) for a, b in pairwise(widths))
    return dense(features, findings) + box


def total(model: str, pooling: str = "avg") -> int:
    """All parameters of a variant under global average pooling or a flatten layer."""
    base = BASES[model]
    area = base.side**2 if pooling == "flatten" else 1
    return base.total + heads(base.channels * area)


def fits(p: Printed) -> list[str]:
    """The variants whose printed total is that of the pooled network, to 7 parameters."""
    return [m for m in p.size if abs(total(m) - p.size[m][0]) <= NORMALISATION]
