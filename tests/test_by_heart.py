"""The positive control's curves as the page tells them."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from clnbook import by_heart


def small() -> pd.DataFrame:
    """Two curves of two rows."""
    rows = [("xception", 16, loss, step, *values) for loss, each in (
        ("iou", [(0.2, 0.5), (0.55, 0.5)]), ("giou", [(0.2, 0.5), (0.9, 0.0)]),
    ) for step, values in zip((20, 40), each, strict=True)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=[*by_heart.CURVE, "step", "IoU", "no overlap"])
    return frame.assign(accuracy=1.0)


def test_table_is_first_and_last():
    """The share without overlap at both ends, the rest at the last step."""
    found = by_heart.table(small()).reset_index().set_index("loss")
    assert found.loc["1 − IoU", ["no overlap, first", "no overlap, last"]].tolist() == [0.5, 0.5]
    assert found.loc["GIoU", ["step", "no overlap, last", "IoU"]].tolist() == [40, 0.0, 0.9]


def test_draw_has_a_line_per_curve():
    """Each curve's mean IoU against its steps, in the panel of its loss, more images dashed."""
    more = small().assign(images=32)
    figure, panels = plt.subplots(2)
    by_heart.draw(pd.concat([small(), more]), panels)
    plt.close(figure)
    assert [axes.get_title() for axes in panels] == ["1 − IoU", "GIoU"]
    for axes, values in zip(panels, ([0.2, 0.55], [0.2, 0.9]), strict=True):
        few, many = axes.get_lines()
        np.testing.assert_allclose(few.get_ydata(), values)
        assert few.get_label() == "CLN-Xception" and many.get_linestyle() == "--"
        assert few.get_color() == many.get_color()


def test_what_the_page_says_of_the_committed_curves():
    """1 − IoU leaves a quarter of the boxes or more untouched; GIoU knows all images by heart."""
    ends = by_heart.table(by_heart.curves()).reset_index()
    own, general = (ends[ends["loss"] == words] for words in by_heart.LOSSES.values())
    assert (own["no overlap, last"] > 0.25).all() and (own["IoU"] < 0.6).all()
    few = by_heart.curves().query("loss == 'iou' and images == 16")
    assert (few.groupby("backbone")["no overlap"].nunique() == 1).all()  # none is ever touched
    assert (general["no overlap, last"] == 0).all() and (general["IoU"] > 0.9).all()
    assert general["images"].value_counts()[16] >= 5 and 32 in general["images"].to_numpy()
    assert (ends["accuracy"] == 1).all()
