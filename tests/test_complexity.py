"""Table 3 and Figure 1 are counted from the network itself, and drawn inside their column."""

import os
import subprocess
import sys

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from clnbook import complexity as page
from clnbook import costs, published, style
from clnlib.errors import InputError
from clnlib.model import network

# GFLOPs of Table 3's networks at 224 pixels by the profiler; parameters as printed but for the 7
# statistics of EfficientNetB4's Normalization layer.
GFLOPS = {
    "CLN-ResNet50V2": 6.991,
    "CLN-MobileNetV3Small": 0.117,
    "CLN-EfficientNetB4": 3.087,
    "CLN-InceptionV3": 5.696,
    "CLN-Xception": 9.137,
    "CLN-CheXNet": 5.702,
}
tensorflow_only = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="operations are counted by TensorFlow"
)


@pytest.fixture(scope="module")
def small():
    """The smallest backbone at 32 pixels, measured once."""
    return costs.complexity("mobilenetv3small", 32)


def as_measured() -> pd.DataFrame:
    """What `measured` gives for the six, from the numbers above."""
    printed = published.table3()
    frame = printed.reset_index().drop(columns="gflops")
    frame["statistics"] = [7 if name.endswith("B4") else 0 for name in frame["model"]]
    frame["total"] += frame["statistics"]
    frame["flatten_total"] = frame["total"] * 3
    return frame.assign(
        flops=[round(GFLOPS[name] * 1e9) for name in frame["model"]],
        weights_mb=1.0,
        latency_ms=2.0,
        threads=2,
    )


# counting


@tensorflow_only
def test_flops_by_hand(capfd):
    """A multiplication and an addition are two: a layer of 3 to 5 and a 1 × 1 convolution."""
    dense = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5)])
    assert costs.flops(dense) == 2 * 3 * 5 + 5  # the bias is added
    convolution = keras.Sequential(
        [keras.Input((4, 4, 2)), keras.layers.Conv2D(3, 1, use_bias=False)]
    )
    assert costs.flops(convolution) == 2 * 4 * 4 * 2 * 3
    out, err = capfd.readouterr()
    assert out == "" and "deprecated" not in err


@tensorflow_only
def test_one_network(small):
    """Parameters do not depend on the image, the weights' memory is four bytes each."""
    assert (small.backbone, small.model) == ("mobilenetv3small", "CLN-MobileNetV3Small")
    assert (small.total, small.trainable) == (1_403_900, 1_391_788)
    assert small.statistics == 0
    assert small.flatten_total == small.total  # 32 pixels leave one position
    assert small.weights_mb == pytest.approx(4 * 1_403_900 / 1e6)
    assert small.latency_ms > 0 and small.threads >= 1


@tensorflow_only
def test_flops_of_table_3():
    """The smallest network's operations at 224 pixels are those the design was checked with.

    In pixels there are eight more: a multiplication and an addition for each coordinate.
    """
    for unit, more in (("relative", 0), ("pixels", 8)):
        model = network.build_cln("mobilenetv3small", 224, box_unit=unit)
        assert costs.flops(model) == 116_938_876 + more


@tensorflow_only
@pytest.mark.slow
def test_table_3():
    """The two largest graphs: parameters as printed, operations as known, a reason where not."""
    measured = costs.measured(("chexnet", "efficientnetb4"))
    table = page.table(measured)
    for model, row in table.iterrows():
        assert row["GFLOPs"] == pytest.approx(GFLOPS[model], abs=6e-4)
    assert table["inside"].tolist() == [True, False]
    assert table["reason"].iloc[1].startswith("total +7: mean, variance and count")


def test_flatten_total_is_the_built_network_s():
    """The counted total with a flatten layer is that of the network built with one."""
    for size in (32, 96):
        average, flat = (
            network.build_cln("mobilenetv3small", size, pooling=name) for name in ("avg", "flatten")
        )
        assert costs._flatten_total(average) == flat.count_params()


def test_another_backend_is_refused_in_one_line():
    """Without TensorFlow's profiler the message says what to set."""
    pytest.importorskip("jax")
    code = "from clnbook.costs import complexity; complexity('mobilenetv3small', 32)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True,
        env={**os.environ, "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("clnlib.errors.InputError: KERAS_BACKEND=jax: ")
    assert last.endswith("set KERAS_BACKEND=tensorflow")


def test_refusal_by_name(monkeypatch):
    """The counting alone is refused as well."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(InputError, match="KERAS_BACKEND=jax"):
        costs.flops(None)


# blocks


@pytest.mark.parametrize("pooling", ["avg", "flatten"])
def test_blocks(pooling):
    """The blocks hold every parameter once and follow one another as the network's layers do."""
    model = network.build_cln("mobilenetv3small", 64, findings=5, pooling=pooling)
    blocks = page.blocks(model)
    features = {"avg": 576, "flatten": 2 * 2 * 576}[pooling]
    pool = {"avg": "pool", "flatten": "flatten"}[pooling]
    assert [(b["name"], b["after"], b["shape"], b["activation"]) for b in blocks] == [
        ("image", None, (64, 64, 1), ""),
        ("MobileNetV3Small", "image", (2, 2, 576), ""),
        (pool, "MobileNetV3Small", (features,), ""),
        ("finding", pool, (5,), "softmax"),
        ("box_fc1", pool, (512,), "relu"),
        ("box_fc2", "box_fc1", (256,), "relu"),
        ("box_fc3", "box_fc2", (128,), "relu"),
        ("box", "box_fc3", (4,), "relu"),
    ]
    assert sum(b["parameters"] for b in blocks) == model.count_params()
    assert blocks[1]["parameters"] == 939_120
    assert blocks[3]["parameters"] == features * 5 + 5
    assert blocks[1]["layers"] == len(network.backbone_layers(model))


# the table


def test_complexity_table():
    """Inside where counts are equal and operations within 0.5 %; a reason everywhere else."""
    table = page.table(as_measured())
    reasons = dict(table["reason"])
    assert reasons.pop("CLN-EfficientNetB4") == (
        "total +7: mean, variance and count of its Normalization layer"
    )
    assert reasons.pop("CLN-MobileNetV3Small") == "FLOPs printed to two decimals"
    assert set(reasons.values()) == {""}
    assert table["inside"].tolist() == [not reason for reason in table["reason"]]
    assert table.loc["CLN-Xception", "ratio"] == pytest.approx(9.137 / 9.13)
    assert table.loc["CLN-CheXNet", "printed total"] == 7_735_244


def test_complexity_table_tells_differences():
    """Other counts and operations, and a network the paper lacks, are named as such."""
    frame = as_measured().iloc[[0, 2]].reset_index(drop=True)
    frame.loc[0, ["total", "trainable"]] += 100
    frame.loc[0, "flops"] *= 2
    frame.loc[1, "model"] = "CLN-Other"
    table = page.table(frame)
    assert table["reason"].tolist() == [
        "total +100; trainable +100; FLOPs differ",
        "not in the paper",
    ]
    assert not table["inside"].any()
    assert np.isnan(table.loc["CLN-Other", "ratio"])
    assert "–" in page.styled(table).to_html()


def test_styled():
    """Pages show counts with separators, the study's backbones in bold, the flatten totals."""
    frame = as_measured()
    marked = page.styled(page.table(frame), ["CLN-Xception"]).to_html()
    assert "22,091,700" in marked and "9.137" in marked and "9.13<" in marked
    assert marked.count("font-weight: bold") == 1
    assert "In bold" not in page.styled(page.table(frame)).to_html()
    pooled = page.styled_pooling(frame).to_html()
    assert "4.2 to 74.4 million" in pooled and "23,205,732" in pooled
    assert "on 2 threads" in page.styled_latency(frame).to_html()


# Figure 1


@pytest.fixture
def column(axes):
    """Axes as high as the figure on its page."""
    axes.figure.set_size_inches(3.5, 5)
    return axes


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


def test_every_block_is_told(column):
    """Names, shapes, parameters and losses stand in the picture; the title gives the total."""
    assert page.draw(blocks(), column) is column
    texts = [text.get_text() for text in column.texts if text.get_text()]
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
    assert column.get_title() == (
        "Average pooling, which Table 3 counts, not flatten:\n72,386,507 parameters"
    )


def test_the_flatten_variant_says_so(column):
    """A network that Table 3 does not count is not passed off as the paper's."""
    page.draw(blocks("flatten"), column)
    assert column.get_title().startswith("Flatten, as section 2.2 says; Table 3 counts average")


def test_texts_lie_inside_their_blocks(column):
    """At 3.5 inches no text leaves its block and nothing leaves the picture."""
    page.draw(blocks(), column)
    column.figure.canvas.draw()
    frames = [patch.get_window_extent() for patch in column.patches if not patch.get_fill()]
    inside = [text for text in column.texts if "\n" in text.get_text()]
    assert len(frames) == len(inside) == 8
    for frame, text in zip(frames, inside, strict=True):
        words = text.get_window_extent()
        assert frame.x0 <= words.x0 and words.x1 <= frame.x1, text.get_text()
        assert frame.y0 <= words.y0 and words.y1 <= frame.y1, text.get_text()
    whole = column.figure.bbox
    for artist in (*column.texts, column.title):
        words = artist.get_window_extent()
        assert whole.x0 <= words.x0 and words.x1 <= whole.x1, artist.get_text()
        assert whole.y0 <= words.y0 and words.y1 <= whole.y1, artist.get_text()


def test_blocks_do_not_overlap(column):
    """Every block has a place of its own, the heads beside one another below the pooling."""
    page.draw(blocks(), column)
    frames = [patch.get_extents() for patch in column.patches if not patch.get_fill()]
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
        page.draw(blocks(), axes)
        style.save(figure, tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
