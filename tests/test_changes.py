"""One change at a time: what is a recipe, and what a change of it is worth."""

import numpy as np
import pytest
from records import changed, run_of

from clnbook import changes
from clnbook.summary import AUC, MEAN_IOU
from clnlib.errors import InputError
from clnlib.metrics.classification import mean_auc
from clnlib.metrics.localisation import MEAN, mean_iou
from clnlib.parameters import Train
from clnlib.runs import PREDICTED_BOX, Run


def trained(seed: int, shift: float = 0.0, **parameters) -> Run:
    """A record of a seed, whose boxes are `shift` beside those of `run_of`."""
    run = changed(run_of(), seed=seed, **parameters)
    run.predictions[PREDICTED_BOX] += shift + 0.01 * seed
    return run


def study() -> list[Run]:
    """A recipe, three changes of it, two seeds each; out of order."""
    return [
        trained(seed, shift, **parameters)
        for seed in (1, 0)
        for shift, parameters in (
            (0.1, {"lam": 0.9}),
            (0.0, {}),
            (0.2, {"lam": 0.1}),
            (0.3, {"loss": "giou"}),
        )
    ]


def test_a_recipe_is_what_every_setting_changes_once():
    """Seeds do not count; two settings, or changes on changes, make no recipe."""
    base = Train(dataset="nih880")
    one = [base.model_copy(update=u) for u in ({"lam": 0.1}, {"lam": 0.9}, {"augment": True})]
    seed = base.model_copy(update={"seed": 2})
    assert changes.recipe([*one, base, seed]) == changes.recipe([seed, *one])
    assert changes.recipe([base, *one])["lam"] == 0.4
    assert changes.recipe([base, *one[:2]]) is None
    assert changes.recipe(one) is None
    two = base.model_copy(update={"lam": 0.1, "augment": True})
    assert changes.recipe([base, *one, two]) is None


def test_settings_are_named_by_their_change():
    """The recipe comes first, then changes by parameter and value, seeds in order."""
    found = changes.settings(study())
    assert [*found] == [changes.RECIPE, "λ = 0.1", "λ = 0.9", "GIoU"]
    assert [[run.train.seed for run in runs] for runs in found.values()] == [[0, 1]] * 4
    with pytest.raises(InputError, match="no setting here"):
        changes.settings(study()[:3])


def test_no_run_is_lost():
    """Runs from another stage 1 are further seeds of their setting; every run is in one."""
    stages = [f"nih880-study/mobilenetv3small-finetune-seed0-{k}" for k in "ab"]
    runs = [
        changed(run, weights=start)
        for start in stages
        for run in (trained(0), trained(0, lam=0.1), trained(0, loss="giou"))
    ]
    runs += [trained(0, weights=None), trained(1, weights=None)]
    found = changes.settings(runs)
    assert {name: len(each) for name, each in found.items()} == {
        changes.RECIPE: 2, "λ = 0.1": 2, "GIoU": 2, "no pretraining": 2
    }  # fmt: skip
    assert "from stage 1" in changes.described(found[changes.RECIPE][0])


def test_differences_are_of_means_over_seeds():
    """Values are the one metric path's, averaged over seeds; differences are theirs."""
    found = changes.settings(study())
    table = changes.table(found, resamples=200)
    for quantity, metric in ((AUC, mean_auc), (MEAN_IOU, lambda *a: mean_iou(*a)[MEAN])):
        rows = table[table["quantity"] == quantity].set_index("setting")
        means = {
            name: np.mean([metric(run.part("test"), run.findings) for run in runs])
            for name, runs in found.items()
        }
        np.testing.assert_allclose(rows["value"], list(means.values()))
        apart = [mean - means[changes.RECIPE] for mean in list(means.values())[1:]]
        np.testing.assert_allclose(rows["difference"].iloc[1:], apart, atol=1e-12)
        assert rows["difference"].iloc[:1].isna().all()
        assert (rows["p_holm"].dropna() >= rows["p"].dropna()).all()
    boxes = table[table["quantity"] == MEAN_IOU].set_index("setting")
    # Boxes that lie 0.3 beside are worse than those beside nothing, whoever the patients are.
    assert boxes.loc["GIoU", "difference high"] < 0 and boxes.loc["GIoU", "p"] < 0.05
    # The boxes move, the probabilities do not.
    assert (table[table["quantity"] == AUC]["difference"].dropna() == 0).all()


def test_what_differs_is_told():
    """The sentences name the changes whose interval leaves 0 out, and mark those that pass Holm."""
    table = changes.table(changes.settings(study()), resamples=2000)
    areas, boxes, _ = changes.told(table).split(" The")
    assert areas.endswith("has an interval without 0 for 0 of 3 changes.")
    rows = table[table["quantity"] == MEAN_IOU].dropna(subset="p")
    apart = rows[(rows["difference low"] > 0) | (rows["difference high"] < 0)]
    assert f"for {len(apart)} of 3 changes: " in boxes and len(apart) > 0
    assert all(name in boxes for name in apart["setting"])
    assert boxes.count(" *") == (apart["p_holm"] < changes.ALPHA).sum() + 1  # and its meaning


def test_seeds_widen_an_interval():
    """Seeds that lie apart make the interval wider than patients alone do."""
    others = ({"lam": 0.9}, {"loss": "giou"}, {"augment": True})
    one = [trained(0), *(trained(0, **parameters) for parameters in others)]
    alike = changes.table(changes.settings(one), resamples=300)
    spread = [trained(seed, 0.2 * seed, lam=0.9) for seed in (1, 2)]
    apart = changes.table(changes.settings([*one, *spread]), resamples=300)
    width = [
        (t["high"] - t["low"])[(t["setting"] == "λ = 0.9") & (t["quantity"] == MEAN_IOU)].item()
        for t in (alike, apart)
    ]
    assert width[1] > 1.5 * width[0]


def test_another_test_part_is_compared_with_nothing():
    """A change of the split has its values, no difference, and no place in Holm's family."""
    runs = study()
    other = trained(0, 0.0, protocol="box")
    other.predictions["part"] = other.predictions["part"].sample(frac=1, random_state=0).to_numpy()
    table = changes.table(changes.settings([*runs, other]), resamples=50).set_index("setting")
    assert table.loc["box split", "value"].notna().all()
    assert table.loc["box split", ["difference", "p_holm"]].isna().all(axis=None)
    text = changes.styled(table.reset_index()).to_html()
    assert "box split" in text and "–" in text


def test_the_picture_shows_every_difference():
    """A point for each change in both panels, at its difference."""
    table = changes.table(changes.settings(study()), resamples=50)
    figure = changes.draw(table)
    shown = table.dropna(subset="difference")
    for axes, quantity in zip(figure.axes, (AUC, MEAN_IOU), strict=True):
        points = axes.containers[0].lines[0].get_xdata().astype(float)
        np.testing.assert_allclose(points, shown[shown["quantity"] == quantity]["difference"])
