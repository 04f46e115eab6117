"""The network as the browser has it: the same function, and nothing that has seen a patient."""

import base64

import numpy as np
import pytest
from records import run_of

from clnbook import exported
from clnlib.errors import InputError
from clnlib.model.network import build_cln


@pytest.fixture(scope="module")
def model():
    """A small CLN whose BatchNorm has other statistics than it starts with."""
    made = build_cln("mobilenetv3small", image_size=32)
    rng = np.random.default_rng(0)
    made.set_weights([w + 0.1 * rng.random(w.shape, np.float32) for w in made.get_weights()])
    return made


def test_steps_cover_the_network(model):
    """Every weight lies in a kernel or bias; both outputs have their step, the last activations."""
    read = exported.steps_of(model)
    ops = {op: sum(step["op"] == op for step in read.steps) for op in ("conv", "depthwise", "pool")}
    kinds = [type(layer).__name__ for layer in model.layers]
    assert ops["conv"] == kinds.count("Conv2D") + kinds.count("Dense")
    assert ops["depthwise"] == kinds.count("DepthwiseConv2D")
    assert ops["pool"] == kinds.count("GlobalAveragePooling2D")
    places = {name: read.place[id(model.output[name])] for name in ("finding", "box")}
    assert {name: read.steps[at]["act"] for name, at in places.items()} == {
        "finding": "softmax",
        "box": "relu",
    }
    assert read.scaling == pytest.approx((1 / 127.5, -1.0))


def test_folded_kernels_give_the_layers_outputs(model):
    """The first step, by a loop over its kernel, is what Keras' first layers give."""
    import keras

    read = exported.steps_of(model)
    kernel, bias = read.arrays[0]
    step, (factor, summand) = read.steps[0], read.scaling
    grey = np.random.default_rng(1).integers(0, 256, (32, 32)).astype(np.float32)
    above, left, below, right = step["pad"]
    x = np.pad(grey * factor + summand, ((above, below), (left, right)))
    stride, side = step["stride"], kernel.shape[0]
    y = np.array(
        [
            [
                np.einsum("ij,ijo->o", x[r : r + side, c : c + side], kernel[:, :, 0]) + bias
                for c in range(0, x.shape[1] - side + 1, stride)
            ]
            for r in range(0, x.shape[0] - side + 1, stride)
        ]
    )
    part = keras.Model(model.input, model.get_layer("activation_0").output)
    expected = part.predict(grey[None, ..., None], verbose=0)[0]
    np.testing.assert_allclose(y * np.clip(y + 3, 0, 6) / 6, expected, atol=1e-4)


def test_weights_are_whole_levels(model):
    """Units times levels are the kernels to half a unit; every channel uses its whole range."""
    for op, shape in (("conv", (3, 3, 5, 7)), ("depthwise", (3, 3, 7, 1))):
        kernel = np.random.default_rng(2).normal(size=shape).astype(np.float32)
        levels, unit = exported._quantised(kernel, op)
        by = unit[:, None] if op == "depthwise" else unit
        assert np.abs(levels * by - kernel).max() <= unit.max() / 2 + 1e-6
        assert np.abs(levels).max() == exported.LEVELS and len(unit) == 7


def test_the_text_holds_every_number(model):
    """As many levels and floats as the steps' shapes ask for."""
    told = exported.network(model)
    shapes = [(s["op"], s["shape"]) for s in told["steps"] if "shape" in s]
    levels = sum(np.prod(s[:2] + s[3:] if op == "depthwise" else s) for op, s in shapes)
    assert len(base64.b64decode(told["int8"])) == levels
    assert len(base64.b64decode(told["float32"])) == 4 * 2 * sum(s[3] for _, s in shapes)


def test_another_backbone_is_refused_by_name():
    """The layer that no step stands for is named."""
    with pytest.raises(InputError, match="cannot be exported"):
        exported.network(build_cln("xception", image_size=71))


def test_what_has_seen_real_images_is_refused():
    """No weight that has seen a radiograph lies on a page."""
    with pytest.raises(InputError, match="has seen nih880"):
        exported.exported(run_of())
