"""Grad-CAM's values: on paper, against tf-keras-vis, in batches, nested, and with JAX."""

import importlib.util
import json
import os
import subprocess
import sys
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers
from scipy.stats import spearmanr

from clnbook import cams, saliency
from clnlib import runs
from clnlib.data import sources
from clnlib.errors import InputError
from clnlib.model import network
from clnlib.model.predict import load_model
from clnlib.parameters import Prepare, Train

GREY = np.array([[[1.0, 2.0], [3.0, 4.0]]])  # one image of 2 x 2 pixels
FINDING = np.array([[2.0, -2.0, 1.0], [0.0, 1.0, -3.0]])  # two channels, three findings
BOX = np.array([[0.0, 0.0, 0.04, 0.0], [0.0, 0.0, -0.01, 0.0]])


def _paper_net():
    """Channels A1 = the image and A2 = 2 · the image, averaged, then two linear heads."""
    image = keras.Input((2, 2, 1), name="image")
    maps = layers.Conv2D(2, 1, use_bias=False, name="maps")(image)
    pooled = layers.GlobalAveragePooling2D(name="pool")(maps)
    finding = layers.Dense(3, "softmax", name="finding")(pooled)
    box = layers.Dense(4, "relu", name="box")(pooled)
    model = keras.Model(image, {"finding": finding, "box": box})
    model.get_layer("maps").set_weights([np.array([1.0, 2.0]).reshape(1, 1, 1, 2)])
    model.get_layer("finding").set_weights([FINDING, np.zeros(3)])
    model.get_layer("box").set_weights([BOX, np.array([0.1, 0.1, 0.5, 0.9])])
    return model


def _random_net(seed=0, nested=False):
    """Convolutions, BatchNorm with statistics of the images, both heads."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((24, 24, 1), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0, name="input_scaling")(image)
    x = layers.Conv2D(6, 3, strides=2, activation="relu", name="conv")(x)
    x = layers.BatchNormalization(name="bn")(x)
    maps = layers.Conv2D(8, 3, strides=2, activation="relu", name="maps")(x)
    if nested:
        outer = keras.Input((24, 24, 1), name="grey")
        image, maps = outer, keras.Model(image, maps, name="backbone")(outer)
    pooled = layers.GlobalAveragePooling2D(name="pool")(maps)
    hidden = layers.Dense(7, "relu", name="box_fc1")(pooled)
    outputs = {
        "finding": layers.Dense(5, "softmax", name="finding")(pooled),
        "box": layers.Dense(4, "relu", name="box")(hidden),
    }
    model = keras.Model(image, outputs)
    rng = np.random.default_rng(seed)
    model.set_weights([w + 0.1 * rng.random(w.shape) for w in model.get_weights()])
    kernel = 0.01 * rng.standard_normal((7, 4))
    model.get_layer("box").set_weights([kernel, np.array([0.2, 0.2, 0.7, 0.8])])
    return model


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (10, 24, 24), dtype=np.uint8)


def test_the_map_on_paper():
    """ReLU(Σ w_k A_k / 4) for the score before softmax: (2 + 2·0)/4, (−2 + 2)/4, (1 − 6)/4."""
    model = _paper_net()
    for target, factor in ((0, 0.5), (1, 0.0), (2, 0.0)):
        np.testing.assert_allclose(saliency.heat_maps(model, GREY, target), factor * GREY)
    per_image = saliency.heat_maps(model, np.repeat(GREY, 3, axis=0), [2, 0, 1])
    np.testing.assert_allclose(per_image, np.array([0, 0.5, 0])[:, None, None] * GREY)


def test_a_coordinate_on_paper():
    """x2 grows by (0.04 − 2 · 0.01) / 4 of the image; y1 depends on nothing: no map, no NaN."""
    model = _paper_net()
    np.testing.assert_allclose(saliency.heat_maps(model, GREY, "x2"), 0.005 * GREY, rtol=1e-6)
    np.testing.assert_array_equal(saliency.heat_maps(model, GREY, "y1"), 0 * GREY)


def test_a_coordinate_under_its_relu_has_no_map():
    """A box head that gives 0 gives an all-zero map."""
    model = _paper_net()
    model.get_layer("box").set_weights([BOX, np.array([0.1, 0.1, -5, 0.9])])
    np.testing.assert_array_equal(saliency.heat_maps(model, GREY, "x2"), 0 * GREY)


def test_the_overlap_on_paper():
    """Against the true box (0.1, 0.1, 1.1, 0.9) the IoU is x2 − 0.1: the map is that of x2."""
    maps = saliency.heat_maps(_paper_net(), GREY, np.array([[0.1, 0.1, 1.1, 0.9]]))
    np.testing.assert_allclose(maps, 0.005 * GREY, rtol=1e-5)
    apart = saliency.heat_maps(_paper_net(), GREY, np.array([[0.0, 0.0, 0.1, 0.1]]))
    np.testing.assert_array_equal(apart, 0 * GREY)


def test_a_classifier_s_score_is_before_the_sigmoid(images):
    """Stage 1's head: the map is that of the same Dense layer without its sigmoid, by hand."""
    model = network.build_classifier("mobilenetv3small", 64, findings=3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64, 64), dtype=np.uint8)
    front = keras.Model(model.input, model.get_layer("pool").input)
    features = front.predict(pixels[..., None], verbose=0)
    kernel = model.get_layer("labels").get_weights()[0]
    for k in range(3):
        expected = np.maximum(features @ kernel[:, k], 0) / (features.shape[1] * features.shape[2])
        np.testing.assert_allclose(
            saliency.heat_maps(model, pixels, k), expected, rtol=1e-4, atol=1e-6
        )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_values_equal_tf_keras_vis(images):
    """The reference implementation's maps, before its normalisation, for every finding."""
    vis = pytest.importorskip("tf_keras_vis.gradcam", exc_type=ImportError)
    from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
    from tf_keras_vis.utils.scores import CategoricalScore

    model = _random_net()
    single = keras.Model(model.input, model.output["finding"])
    peer = vis.Gradcam(single, model_modifier=ReplaceToLinear(), clone=True)
    seen = []
    for k in range(5):
        expected = peer(
            CategoricalScore([k] * len(images)), images[..., None].astype("float32"),
            penultimate_layer="maps", seek_penultimate_conv_layer=False,
            expand_cam=False, normalize_cam=False,
        )  # fmt: skip
        ours = saliency.heat_maps(model, images, k)
        np.testing.assert_allclose(ours, np.asarray(expected), rtol=1e-4, atol=1e-6)
        seen.append(ours.max())
    assert max(seen) > 0.01  # not merely zero equal to zero


@pytest.mark.parametrize("target", ["finding", "x2", "overlap"])
def test_batches_and_nesting_change_nothing(images, target):
    """Single images, uneven batches, and a backbone nested as a layer give the same."""
    model, nested = _random_net(), _random_net(nested=True)
    nested.set_weights(model.get_weights())
    chosen = {"finding": np.arange(10) % 5, "x2": "x2", "overlap": np.tile([0, 0, 1, 1], (10, 1))}
    wanted = chosen[target]
    whole = saliency.heat_maps(model, images, wanted)
    assert whole.shape == (10, 5, 5) and whole.dtype == np.float32 and whole.max() > 0
    for other, size in ((model, 4), (model, 1), (nested, 10)):
        again = saliency.heat_maps(other, images, wanted, batch_size=size)
        np.testing.assert_allclose(again, whole, rtol=1e-4, atol=1e-7)


def test_nothing_is_trained(images):
    """Maps leave weights and BatchNorm's statistics as they were: inference mode."""
    model = _random_net()
    before = model.get_weights()
    saliency.heat_maps(model, images, 0)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_another_layer_can_be_asked_for(images):
    """An earlier layer gives its resolution; a layer that a path leads around is refused."""
    assert saliency.heat_maps(_random_net(), images[:2], 0, layer="conv").shape == (2, 11, 11)
    image = keras.Input((4, 4, 1))
    maps = layers.Conv2D(1, 1, name="maps")(image)
    pooled = layers.GlobalAveragePooling2D(name="pool")(layers.Add()([maps, image]))
    around = keras.Model(image, {"finding": layers.Dense(2, "softmax", name="finding")(pooled)})
    with pytest.raises(InputError, match="layer maps: paths lead around it"):
        saliency.heat_maps(around, np.zeros((1, 4, 4)), 0, layer="maps")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("x3", "target: 'x3' is not one of x1, y1, x2, y2"),
        (3, "class 3, the head has 0 to 2"),
        ([0, 1], r"int64 \(2,\), expected a class index, 1 of them, or \(1, 4\) boxes"),
        (0.5, "float64"),
    ],
)
def test_refusals(target, message):
    """A target of another kind or range is refused with what is allowed."""
    with pytest.raises(InputError, match=message):
        saliency.heat_maps(_paper_net(), GREY, target)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs JAX")
def test_jax_gives_the_same():
    """The other Keras backend: the maps on paper, in another process."""
    code = (
        "import json, sys; sys.path.insert(0, 'tests'); import keras, test_gradcam as t\n"
        "assert keras.backend.backend() == 'jax'\n"
        "box = t.np.array([[0.1, 0.1, 1.1, 0.9]])\n"
        "print(json.dumps([t.saliency.heat_maps(t._paper_net(), t.GREY, w).tolist()"
        " for w in (0, 1, 'x2', box)]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "KERAS_BACKEND": "jax"}, cwd=os.path.dirname(os.path.dirname(__file__)),
    )  # fmt: skip
    maps = np.array(json.loads(done.stdout.splitlines()[-1]))
    expected = np.array([0.5, 0, 0.005, 0.005])[:, None, None, None] * GREY
    np.testing.assert_allclose(maps, expected, rtol=1e-5)


def test_shuffling_destroys_from_a_layer_on_and_for_a_while():
    """Earlier layers stay the same to the bit, later ones hold the same values elsewhere."""
    model = _random_net()
    before = model.get_weights()
    trained = {layer.name: layer.get_weights() for layer in model.layers}
    with cams.shuffled(model, "maps", seed=1):
        for name, weights in trained.items():
            for a, b in zip(weights, model.get_layer(name).get_weights(), strict=True):
                if name in ("conv", "bn"):
                    np.testing.assert_array_equal(a, b)
                else:
                    assert not np.array_equal(a, b)
                    np.testing.assert_array_equal(np.sort(a.ravel()), np.sort(b.ravel()))
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(InputError, match="no layer called pol"), cams.shuffled(model, "pol"):
        pass


def test_rank_correlation_equals_scipy():
    """Spearman's map by map, ties included; NaN where a map is constant."""
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 5, (2, 6, 4, 4)).astype(float)
    expected = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(cams._rank_correlation(a, b), expected)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(cams._rank_correlation(a, 0 * b)).all()


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A stage-2 record as training leaves it, of a network as it starts, on twelve phantoms."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLN_HOME", str(home))
        p = Train.check({"phantom_images": 40, "image_size": 64, "phantom_contrast": 2.0})
        source, rows, store = sources.prepared(Prepare.check(
            {name: getattr(p, name) for name in Prepare.model_fields}
        ))  # fmt: skip
        rows = rows.iloc[:12]
        model = network.build_cln(p.backbone, p.image_size, len(source.findings))
        out = model.predict(store.images[rows["image"].map(store.index)][..., None], verbose=0)
        shown = pd.DataFrame(
            out["finding"], columns=[runs.PROBABILITY + f for f in source.findings]
        )
        folder = home / "runs" / "tests" / "untrained"
        folder.mkdir(parents=True)
        model.save_weights(folder / "model.weights.h5")
        yield runs.Run(
            folder, p, pd.DataFrame(),
            rows.join(shown), {"findings": list(source.findings)},
        )  # fmt: skip


def test_of_a_run(untrained):
    """Rows get the maps of their finding, from the pixels the run was trained on."""
    rows = untrained.predictions.iloc[::2]
    names = ("true finding", "predicted finding", "overlap", "x1")
    pixels, maps = cams.of_run(untrained, rows, names)
    model = load_model(untrained)
    shown = model.predict(pixels[..., None], verbose=0)["finding"]
    probabilities = rows[[runs.PROBABILITY + f for f in untrained.findings]]
    np.testing.assert_allclose(shown, probabilities, rtol=1e-3, atol=1e-5)
    codes = [untrained.findings.index(f) for f in rows["finding"]]
    targets = (codes, shown.argmax(axis=1), rows[runs.TRUE_BOX].to_numpy(), "x1")
    for name, target in zip(names, targets, strict=True):
        expected = saliency.heat_maps(model, pixels, target)
        np.testing.assert_allclose(maps[name], expected, rtol=1e-4, atol=1e-7)
    assert maps["true finding"].shape == (6, 2, 2) and maps["true finding"].max() > 0
    with pytest.raises(InputError, match="did you mean 'true finding'"):
        cams.of_run(untrained, rows, ("true findings",))


def test_the_sanity_check_of_a_run(untrained):
    """Every stage has every row; the network it was given has its own weights afterwards."""
    rows, model = untrained.predictions.iloc[:4], load_model(untrained)
    before = model.get_weights()
    table = cams.randomisation(untrained, rows, model=model)
    assert list(table["stage"].unique()) == ["heads", "last 25%", "all"]
    assert list(table["image"]) == 3 * list(rows["image"])
    known = table["correlation"].dropna()
    assert known.between(-1 - 1e-9, 1 + 1e-9).all() and (known < 0.9).any()
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
