"""Heat maps of a finished run, and whether they depend on what was learnt: the page `gradcam`.

The sanity check is that of Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clnbook.saliency import OVERLAP, heat_maps, heat_maps_of, named_layer
from clnlib import runs
from clnlib.data import sources
from clnlib.errors import not_allowed
from clnlib.model.network import backbone_layers
from clnlib.model.predict import load_model

TRUE_FINDING, PREDICTED_FINDING = "true finding", "predicted finding"
TARGETS = (TRUE_FINDING, PREDICTED_FINDING, OVERLAP, *runs.TRUE_BOX)


def of_run(
    run: runs.Run,
    rows: pd.DataFrame,
    targets: Sequence[str] = (TRUE_FINDING,),
    model: Any = None,
) -> tuple[NDArray[np.uint8], dict[str, NDArray[np.float32]]]:
    """Heat maps of a finished stage-2 run for some rows of its predictions.

    Parameters
    ----------
    run
        A record with its weights.
    rows
        n rows of `run.predictions`.
    targets
        Of `TARGETS`: the score of the "true finding" (weakly supervised localisation is
        evaluated with the class given) or of the "predicted finding"; the "overlap" of the
        predicted box with the row's true box; a coordinate of the box head.
    model
        The run's network where `load_model` has already given it.

    Returns
    -------
    tuple
        (n, S, S) uint8 pixels, and per target (n, h, w) float32 heat maps.

    Raises
    ------
    InputError
        A record without weights, images that are not there, an unknown target.

    See Also
    --------
    heat_maps : For any network and images, with an example.
    """
    each = [targets_of(run, rows, target) for target in targets]
    model = load_model(run) if model is None else model
    pixels = pixels_of(run, rows)
    return pixels, dict(zip(targets, heat_maps_of(model, pixels, each), strict=True))


def pixels_of(run: runs.Run, rows: pd.DataFrame) -> NDArray[np.uint8]:
    """The images of some rows, as the run was trained on them."""
    return sources.prepared(run.train).pixels(rows)


def targets_of(run: runs.Run, rows: pd.DataFrame, target: str) -> str | NDArray[Any]:
    """The target of `heat_maps` that a name means for these rows."""
    if target == TRUE_FINDING:
        return rows["finding"].map(run.findings.index).to_numpy(np.int64)
    if target == PREDICTED_FINDING:
        return rows[[runs.PROBABILITY + f for f in run.findings]].to_numpy().argmax(axis=1)
    if target == OVERLAP:
        return rows[runs.TRUE_BOX].to_numpy(np.float32)
    if target in runs.TRUE_BOX:
        return target
    raise not_allowed("Grad-CAM target", target, TARGETS)


@contextlib.contextmanager
def shuffled(model: Any, from_layer: str, seed: int = 0) -> Iterator[None]:
    """For the time of a `with` block, nothing learnt is left from a layer on, up to the outputs.

    The entries of every weight array are shuffled, not drawn anew: each layer keeps its scale
    and its positive variances, so that the maps stay as finite as the trained network's.

    Parameters
    ----------
    model
        Has its own weights again after the block.
    from_layer
        The first layer, counted from the image, that loses its weights.
    seed
        Of the shuffling.

    References
    ----------
    Adebayo et al., Sanity checks for saliency maps, NeurIPS 2018 (cascading randomisation).
    """
    before, rng = model.get_weights(), np.random.default_rng(seed)
    first = model.layers.index(named_layer(model, (from_layer,)))
    try:
        for layer in model.layers[first:]:
            layer.set_weights([rng.permuted(w) for w in layer.get_weights()])
        yield
    finally:
        model.set_weights(before)


def randomisation(
    run: runs.Run, rows: pd.DataFrame, seed: int = 0, model: Any = None
) -> pd.DataFrame:
    """The sanity check: do the maps of the true finding change when weights are destroyed?

    Parameters
    ----------
    run, rows, model
        As for `of_run`; a few dozen rows are enough.
    seed
        Of `shuffled`.

    Returns
    -------
    DataFrame
        Rows in the cascade's order, one per stage and row: `stage` ("heads", then the share of
        the backbone's layers, from its end), `image`, `finding`, `correlation` (Spearman's, with
        the trained network's map; NaN where either map is constant).
    """
    model = load_model(run) if model is None else model
    pixels, target = pixels_of(run, rows), targets_of(run, rows, TRUE_FINDING)
    original = heat_maps(model, pixels, target)
    inside = [layer.name for layer in backbone_layers(model)]
    stages = {"heads": named_layer(model, ("pool", "flatten")).name}
    stages |= {"last 25%": inside[round(len(inside) * 0.75)], "all": inside[0]}
    tables = []
    for stage, first in stages.items():
        with shuffled(model, first, seed):
            maps = heat_maps(model, pixels, target)
        table = rows[["image", "finding"]].assign(stage=stage)
        tables.append(table.assign(correlation=_rank_correlation(original, maps)))
    return pd.concat(tables, ignore_index=True)


def _rank_correlation(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Spearman's correlation, map by map: (N, h, w) twice → (N,)."""
    from scipy.stats import rankdata

    ranks = [rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (a, b)]
    x, y = (r - r.mean(axis=1, keepdims=True) for r in ranks)
    size = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.divide((x * y).sum(axis=1), size, out=np.full(len(x), np.nan), where=size > 0)
