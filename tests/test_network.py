"""The two networks: Table 3's counts, layer names, scaling inside, freezing."""

import sys

import keras
import numpy as np
import pytest

from clnlib.errors import InputError
from clnlib.model import backbones, network
from clnlib.parameters import BACKBONES

# Table 3: total and trainable parameters. EfficientNetB4's total is 7 higher here: the mean,
# variance and count of its Normalization layer.
TABLE3 = {
    "resnet50v2": (24_795_020, 24_749_580),
    "mobilenetv3small": (1_403_900, 1_391_788),
    "efficientnetb4": (18_770_916 + 7, 18_645_716),
    "inceptionv3": (23_033_004, 22_998_572),
    "xception": (22_091_700, 22_037_172),
    "chexnet": (7_735_244, 7_651_596),
}

# The layer that gives the last feature map, where Grad-CAM looks.
LAST = {
    "resnet50v2": "post_relu",
    "mobilenetv3small": "activation_17",
    "efficientnetb4": "top_activation",
    "inceptionv3": "mixed10",
    "xception": "block14_sepconv2_act",
    "chexnet": "relu",
}


def _size(weights: list[keras.Variable]) -> int:
    return sum(int(np.prod(w.shape)) for w in weights)


@pytest.mark.parametrize("name", TABLE3)
def test_table_3(name):
    """The paper's six give Table 3's counts."""
    model = network.build_cln(name, 224)
    assert (model.count_params(), _size(model.trainable_weights)) == TABLE3[name]


def test_every_backbone_has_a_row_and_a_name():
    """`-p backbone` takes the names that can be built, in the same order."""
    assert tuple(backbones.BACKBONES) == BACKBONES


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_is_flat(name):
    """No model inside the model, every layer's name once, the last feature map where it belongs."""
    model = network.build_cln(name, 96)
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    assert not any(isinstance(layer, keras.Model) for layer in model.layers)
    inside = network.backbone_layers(model)
    assert inside[-1].name == LAST[name]
    assert {k: v.shape for k, v in model.output.items()} == {"finding": (None, 8), "box": (None, 4)}


def test_table_3_needs_global_average_pooling():
    """A flatten layer, as section 2.2 words it, would give 15.8 million and more."""
    flat = network.build_cln("mobilenetv3small", 224, pooling="flatten")
    backbone, features = 939_120, 7 * 7 * 576
    heads = 0
    for inputs, outputs in ((features, 8), (features, 512), (512, 256), (256, 128), (128, 4)):
        heads += inputs * outputs + outputs
    assert flat.count_params() == backbone + heads == 15_780_860


def test_layer_names_do_not_depend_on_the_session():
    """A name means the same layer however many networks were built before."""
    first, second = (network.build_cln("inceptionv3", 75) for _ in range(2))
    assert [v.path for v in first.weights] == [v.path for v in second.weights]


@pytest.mark.parametrize("name", [name for name in BACKBONES if name != "efficientnetb4"])
def test_scaling_is_the_backbone_s_own(name):
    """On the same weights: the feature maps of Keras' model after its `preprocess_input`.

    EfficientNetB4 is apart: Keras adds a layer under ImageNet weights only (next test).
    """
    row = backbones.get(name)
    size = row.smallest
    ours, theirs = (
        backbones.build(name, size),
        backbones.application(name, input_shape=(size, size, 3)),
    )
    theirs.set_weights(ours.get_weights())
    builder = getattr(keras.applications, row.application)
    preprocess = sys.modules[builder.__module__].preprocess_input
    grey = np.random.default_rng(0).integers(0, 256, (2, size, size, 1), dtype=np.uint8)
    expected = theirs(preprocess(np.repeat(grey, 3, axis=-1).astype("float32")))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(ours([grey]), expected, rtol=1e-3, atol=1e-4 * np.ptp(expected))


def test_efficientnet_scaling_equals_keras_with_imagenet_weights():
    """Our affine map before the graph replaces the layer Keras adds for ImageNet weights."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    model = network.build_cln("efficientnetb4", 64)
    normalise = next(x for x in model.layers if isinstance(x, keras.layers.Normalization))
    normalise.set_weights([mean, std, np.int64(1)])  # the statistics of the official file
    normalise.finalize_state()
    inside = keras.Model(model.input, normalise.output)
    grey = np.linspace(0, 255, 64 * 64).reshape(1, 64, 64, 1)
    official = (grey / 255 - mean) / np.sqrt(std) / np.sqrt(std)
    np.testing.assert_allclose(inside(grey), official, rtol=1e-4, atol=1e-4)


def test_uint8_and_float_images_give_the_same():
    """A network takes pixels as they are, uint8 or float."""
    model = network.build_cln("mobilenetv3small", 32)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    for name, values in model.predict(images, verbose=0).items():
        np.testing.assert_array_equal(
            values, model.predict(images.astype("float32"), verbose=0)[name]
        )


@pytest.mark.parametrize(
    ("unit", "layer", "side"), [("pixels", "box_pixels", 32), ("relative", "box", 1)]
)
def test_the_box_starts_at_the_mean_box(unit, layer, side):
    """With the mean training box as bias, in the unit of the layer, every first box is near it."""
    mean = np.float32([0.3, 0.4, 0.6, 0.7])
    model = network.build_cln("mobilenetv3small", 32, box_unit=unit)
    network.start_at(model, mean)
    kernel, bias = model.get_layer(layer).get_weights()
    np.testing.assert_allclose(bias, side * mean)
    assert kernel.any()
    model.get_layer(layer).set_weights([0 * kernel, bias])
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    np.testing.assert_allclose(model.predict(images, verbose=0)["box"], [mean, mean], rtol=1e-6)


def test_the_unit_changes_the_last_layer_alone():
    """In pixels the same numbers are divided by the side after the ReLU: Table 3's counts stay."""
    pixels, relative = (
        network.build_cln("mobilenetv3small", 32, box_unit=unit) for unit in network.BOX_UNITS
    )
    network.start_at(pixels, [0.3, 0.4, 0.6, 0.7])  # a ReLU that starts at random may be dead
    relative.set_weights(pixels.get_weights())
    assert relative.count_params() == pixels.count_params()
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), dtype=np.uint8)
    a, b = (model.predict(images, verbose=0)["box"] for model in (pixels, relative))
    assert b.any()
    np.testing.assert_allclose(32 * a, b, rtol=1e-6)


def test_another_number_of_findings():
    """Nothing assumes eight findings, or fourteen."""
    cln = network.build_cln("mobilenetv3small", 32, findings=3)
    assert cln.output["finding"].shape == (None, 3)
    classifier = network.build_classifier("mobilenetv3small", 32, findings=5)
    assert classifier.output["labels"].shape == (None, 5)


def test_bn_momentum_reaches_every_batchnorm():
    """The parameter replaces the backbone's momentum; None keeps it (0.999 here)."""
    for given, expected in ((None, 0.999), (0.9, 0.9)):
        model = network.build_cln("mobilenetv3small", 32)
        network.set_bn_momentum(model, given)
        norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
        assert norms and {x.momentum for x in norms} == {expected}


@pytest.mark.parametrize("part", ["nothing", "batchnorm", "backbone"])
def test_freezing_is_real(part):
    """After a step of training, frozen layers are the same to the bit, the others are not."""
    model = network.build_cln("mobilenetv3small", 32)
    network.start_at(model, [0.2, 0.2, 0.8, 0.8])
    network.freeze(model, part)
    inside = network.backbone_layers(model)
    norms = [x for x in inside if isinstance(x, keras.layers.BatchNormalization)]
    convolutions = [x for x in inside if isinstance(x, keras.layers.Conv2D)]
    before = [[x.get_weights() for x in group] for group in (norms, convolutions)]
    model.compile("sgd", loss={"finding": "categorical_crossentropy", "box": "mse"})
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 32, 32, 1), dtype=np.uint8)
    model.fit(images, {"finding": np.eye(8), "box": rng.random((8, 4))}, verbose=0)
    changed = [
        any(not np.array_equal(a, b) for x, old in zip(group, olds, strict=True)
            for a, b in zip(x.get_weights(), old, strict=True))
        for group, olds in zip((norms, convolutions), before, strict=True)
    ]  # fmt: skip
    assert (
        changed
        == {
            "nothing": [True, True],
            "batchnorm": [False, True],
            "backbone": [False, False],
        }[part]
    )


def test_refusals():
    """Sizes a backbone cannot take and unknown names are refused; the allowed are named."""
    with pytest.raises(InputError, match="image_size=64: Xception takes 71 or more"):
        network.build_cln("xception", 64)
    with pytest.raises(InputError, match="did you mean 'chexnet'"):
        network.build_cln("chexnett", 64)
    with pytest.raises(InputError, match="pooling: 'max' is not one of avg, flatten"):
        network.build_cln("xception", 96, pooling="max")
    with pytest.raises(InputError, match=r"box_unit: 'pixel' is not one of .*'pixels'"):
        network.build_cln("mobilenetv3small", 32, box_unit="pixel")
    with pytest.raises(InputError, match="freeze"):
        network.freeze(network.build_cln("mobilenetv3small", 32), "heads")
