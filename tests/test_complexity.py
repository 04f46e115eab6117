"""Table 3 and Figure 1's blocks are counted from the network itself."""

import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest

from clnbook import published, tables
from clnlib.errors import InputError
from clnlib.model import complexity, network

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
    return complexity.complexity("mobilenetv3small", 32)


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
    assert complexity.flops(dense) == 2 * 3 * 5 + 5  # the bias is added
    convolution = keras.Sequential(
        [keras.Input((4, 4, 2)), keras.layers.Conv2D(3, 1, use_bias=False)]
    )
    assert complexity.flops(convolution) == 2 * 4 * 4 * 2 * 3
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
    """The smallest network's operations at 224 pixels are those the design was checked with."""
    model = network.build_cln("mobilenetv3small", 224)
    assert complexity.flops(model) == 116_938_876


@tensorflow_only
@pytest.mark.slow
def test_table_3():
    """The two largest graphs: parameters as printed, operations as known, a reason where not."""
    measured = complexity.measured(("chexnet", "efficientnetb4"))
    table = tables.complexity_table(measured)
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
        assert complexity._flatten_total(average) == flat.count_params()


def test_another_backend_is_refused_in_one_line():
    """Without TensorFlow's profiler the message says what to set."""
    pytest.importorskip("jax")
    code = "from clnlib.model.complexity import complexity; complexity('mobilenetv3small', 32)"
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
        complexity.flops(None)


# blocks


@pytest.mark.parametrize("pooling", ["avg", "flatten"])
def test_blocks(pooling):
    """The blocks hold every parameter once and follow one another as the network's layers do."""
    model = network.build_cln("mobilenetv3small", 64, findings=5, pooling=pooling)
    blocks = complexity.blocks(model)
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
    table = tables.complexity_table(as_measured())
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
    table = tables.complexity_table(frame)
    assert table["reason"].tolist() == [
        "total +100; trainable +100; FLOPs differ",
        "not in the paper",
    ]
    assert not table["inside"].any()
    assert np.isnan(table.loc["CLN-Other", "ratio"])
    assert "–" in tables.styled_complexity(table).to_html()


def test_styled():
    """Pages show counts with separators, the study's backbones in bold, the flatten totals."""
    frame = as_measured()
    marked = tables.styled_complexity(tables.complexity_table(frame), ["CLN-Xception"]).to_html()
    assert "22,091,700" in marked and "9.137" in marked and "9.13<" in marked
    assert marked.count("font-weight: bold") == 1
    assert "In bold" not in tables.styled_complexity(tables.complexity_table(frame)).to_html()
    pooled = tables.styled_pooling(frame).to_html()
    assert "4.2 to 74.4 million" in pooled and "23,205,732" in pooled
    assert "on 2 threads" in tables.styled_latency(frame).to_html()
