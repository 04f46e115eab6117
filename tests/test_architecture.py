"""Figure 1 shows the blocks it is given, where they belong, inside its column."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pytest

from clnbook import figures


def block(name, after, shape, parameters=0, layers=1, activation=""):
    return {"name": name, "after": after, "shape": shape, "parameters": parameters,
            "layers": layers, "activation": activation}  # fmt: skip


def blocks(pool="pool"):
    """A network with the longest texts there are."""
    return [
        block("image", None, (1024, 1024, 1)),
        block("MobileNetV3Small", "image", (32, 32, 2048), 20_812_345, 473),
        block(pool, "MobileNetV3Small", (2048,)),
        block("finding", pool, (14,), 28_686, activation="softmax"),
        block("box_fc1", pool, (512,), 51_380_736, activation="relu"),
        block("box_fc2", "box_fc1", (256,), 131_328, activation="relu"),
        block("box_fc3", "box_fc2", (128,), 32_896, activation="relu"),
        block("box", "box_fc3", (4,), 516, activation="relu"),
    ]


@pytest.fixture
def axes():
    """Axes of the width of a column, under the pages' style; closed after the test."""
    with plt.rc_context(figures.style()):
        _, axes = plt.subplots(figsize=(3.5, 5), layout="constrained")
        yield axes
    plt.close("all")


def test_every_block_is_told(axes):
    """Names, shapes, parameters and losses stand in the picture; the title gives the total."""
    assert figures.architecture(blocks(), axes) is axes
    texts = [text.get_text() for text in axes.texts if text.get_text()]
    assert texts == [
        "grey image\n1024 × 1024 × 1",
        "MobileNetV3Small, 473 layers\n32 × 32 × 2048\n20,812,345 parameters",
        "global average pooling\n2048",
        "finding head\n14 softmax\n28,686 parameters",
        "λ · cross-entropy",
        "box head, layer 1\n512 ReLU\n51,380,736 parameters",
        "box head, layer 2\n256 ReLU\n131,328 parameters",
        "box head, layer 3\n128 ReLU\n32,896 parameters",
        "box head, output\n4 ReLU\n516 parameters",
        "(1 − λ) · (1 − IoU)",
    ]
    assert axes.get_title() == (
        "Average pooling, which Table 3 counts, not flatten:\n72,386,507 parameters"
    )


def test_the_flatten_variant_says_so(axes):
    """A network that Table 3 does not count is not passed off as the paper's."""
    figures.architecture(blocks("flatten"), axes)
    assert axes.get_title().startswith("Flatten, as section 2.2 says; Table 3 counts average")


def test_texts_lie_inside_their_blocks(axes):
    """At 3.5 inches no text leaves its block and nothing leaves the picture."""
    figures.architecture(blocks(), axes)
    axes.figure.canvas.draw()
    frames = [patch.get_window_extent() for patch in axes.patches if not patch.get_fill()]
    inside = [text for text in axes.texts if "\n" in text.get_text()]
    assert len(frames) == len(inside) == 8
    for frame, text in zip(frames, inside, strict=True):
        words = text.get_window_extent()
        assert frame.x0 <= words.x0 and words.x1 <= frame.x1, text.get_text()
        assert frame.y0 <= words.y0 and words.y1 <= frame.y1, text.get_text()
    page = axes.figure.bbox
    for artist in (*axes.texts, axes.title):
        words = artist.get_window_extent()
        assert page.x0 <= words.x0 and words.x1 <= page.x1, artist.get_text()
        assert page.y0 <= words.y0 and words.y1 <= page.y1, artist.get_text()


def test_blocks_do_not_overlap(axes):
    """Every block has a place of its own, the heads beside one another below the pooling."""
    figures.architecture(blocks(), axes)
    frames = [patch.get_extents() for patch in axes.patches if not patch.get_fill()]
    for k, a in enumerate(frames):
        for b in frames[:k]:
            assert not (a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1)
    pool, finding, box = frames[2], frames[3], frames[4]
    assert finding.y0 == pytest.approx(box.y0) and finding.y1 < pool.y0
    assert finding.x1 < box.x0


def test_equal_blocks_give_equal_files(tmp_path):
    """The SVG of a page does not change by itself."""
    for name in ("a.svg", "b.svg"):
        figure, axes = plt.subplots(figsize=(3.5, 5), layout="constrained")
        figures.architecture(blocks(), axes)
        figures.save(figure, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
