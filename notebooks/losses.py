# %% [markdown]
# # The loss, and why this book has its own
#
# Eq. 3 of the paper: the box loss is 1 − IoU. Its implementation is not stated. The ready-made IoU
# losses for Keras are KerasCV's, whose last release, 0.9.0, still installs, and we should have liked
# to use them. This page runs them beside the losses of this book: taken as they are, they are not
# Eq. 3. It says nothing of what the authors used. Every number is computed while the page is made.
# {doc}`Drag two boxes <playground>` to see what each loss does.

# %% tags=["remove-stderr"]
from clnbook import losses, style
from clnbook.style import page

library = losses.library()
print("KerasCV", library.__version__ if library else "is not installed: only ours is shown")

# %% [markdown]
# ## One box per image: who gets a gradient?
#
# Given as a list of one box per image, (B, 1, 4), KerasCV's IoU loss gives a gradient to the first
# sample of the batch only.

# %%
page(
    losses.one_sample_learns(),
    "Length of each sample's gradient; four boxes, each further off than the one before",
)

# %% [markdown]
# ## Can a sample be left out?
#
# On (B, 4) all samples learn, but the loss is averaged before it is weighted: a sample of weight 0
# still learns.

# %%
page(
    losses.weights_mask(),
    "Length of each sample's gradient under sample_weight",
)

# %% [markdown]
# ## What is the loss by default?
#
# KerasCV's default is not Eq. 3 but −log of the batch's mean IoU, which is infinite, with a
# gradient that is not a number, where no box of the batch overlaps its true one.

# %%
page(
    losses.default_modes(),
    "Loss of a batch of overlapping boxes, and of a batch of disjoint ones",
)

# %% [markdown]
# ## Complete IoU: which shape term?
#
# KerasCV squares the factor 4/π² of the shape term v as well, so that its v is 4/π² of the
# published one.

# %%
page(
    losses.shape_term(),
    "Complete IoU loss of a square and a flat box of one centre, and the term v within it",
).format(precision=5)

# %% [markdown]
# ## What cannot be done at all?
#
# KerasCV's complete IoU loss cannot be reloaded with a saved model, and core Keras' complete IoU
# refuses relative boxes even when it is given the size of the image it asks for.

# %%
page(
    losses.refusals(),
    "Attempts, and the first line of the error",
)

# %% [markdown]
# ## Does 1 − IoU have a gradient when training starts?
#
# Not where the boxes do not overlap. With the usual start of the box layer at zeros that is nearly
# every box; with its bias at the mean box it is about half. The losses GIoU and CIoU have a gradient
# at every box, but it has to pass the layer's ReLU: see the next section.

# %%
from clnlib.data import nih

shares = losses.without_gradient(nih.load_boxes())
page(
    shares,
    "Share of expert boxes without a gradient of 1 − IoU, by the start of the box layer's bias",
).format("{:.0%}")

# %% mystnb={"image": {"alt": "Bars: the share of expert boxes without a gradient of 1 \u2212 IoU, by the start of the box layer's bias. The numbers are in the table above."}}
import matplotlib.pyplot as plt

plt.rcParams.update(style.rc())
figure, axes = plt.subplots(figsize=(3.5, 2), layout="constrained")
_ = shares[::-1].plot.barh(ax=axes, color=style.SERIES, legend=False)
_ = figure.legend(loc="outside lower center", ncols=2)
_ = axes.set(xlim=(0, 1), title="share of boxes without gradient")

# %% [markdown]
# ## Can a few images be learnt by heart?
#
# A box that the predicted one does not touch has no gradient of 1 − IoU at any later step either. The
# plainest test: 16 real images of one box each, all of them in every step (128 pixels, box head in pixels, its
# bias at the mean box, each backbone at its λ; MobileNetV3Small and Xception from ImageNet, the others from
# nothing). Any network should know them in the end. The findings they do know. With 1 − IoU, the paper's
# loss, MobileNetV3Small learns the boxes that the mean box touched, and the others stay out of reach: none of
# them is touched in 1,600 steps. With GIoU nearly all are reached at once, and the backbones below know
# the 16 images by heart; MobileNetV3Small knows 32 as well. So for these no fault of the network or of the box
# head stands in the way. EfficientNetB4, and 32 images for the others, were not trained to an end.

# %%
from clnbook import by_heart

curves = by_heart.curves()
page(by_heart.table(curves), "How each curve ends; IoU: mean as evaluated; no overlap: share of boxes")

# %% mystnb={"image": {"alt": "Mean IoU against the training step, for 16 images (solid) and 32 (dashed): with 1 \u2212 IoU the curves rise and then stay level at about half, with GIoU all of them reach nine tenths."}}
figure, panels = plt.subplots(2, figsize=(3.5, 4.6), layout="constrained", sharex=True)
by_heart.draw(curves, panels)
_ = figure.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %% [markdown]
# Over a whole data set boxes can be reached in another way: through what is learnt from other boxes of
# like images. That seems to be enough: on all real images GIoU, with nothing else changed, gives worse boxes
# than 1 − IoU ({doc}`results/nih880-study/changes`). To reach every box is not yet to place it well.
# `python benchmarks/overfit.py` makes the curves.

# %% [markdown]
# ## How a ReLU box head dies
#
# The paper ends the box head with four ReLU outputs and names no unit for them. If they count in
# units of the image's side, a box is a matter of a few tenths. Adam at 0.001 moves every weight by
# about 0.001 a step, whatever the gradient's length; through 128 inputs of the size of one, a
# coordinate moves by a good tenth: half a box. Some step may carry a coordinate below zero
# on every image. There ReLU gives 0 and its gradient is 0, so no later step reaches the weights
# of that output: it stays dead. If it is x2 or y2, every box is empty, and IoU is 0 for good. GIoU and
# CIoU do have a gradient at an empty box, but it has to come back through the same ReLU, and does not.
# In pixels the same step is a tenth of a pixel.
#
# Whether a head dies is a matter of chance: of the seed, and of rounding, so of the machine. The runs on
# the real images, by the unit of their box head:

# %%
from clnbook import start
from clnlib import runs

real = [run for study in start.REAL for run in runs.study(study)]
style.page(
    losses.deaths(real),
    "Runs on the real images; dead: a box coordinate is 0 on every test image; empty: every box is",
)

# %% mystnb={"image": {"alt": "Lines over the epochs, one per run that ended with a dead coordinate: the share of empty validation boxes. Some are one from the first epoch to the last, the others mostly near zero although a coordinate is dead."}}
figure, axes = plt.subplots(figsize=(3.5, 2.2), layout="constrained")
_ = losses.draw_deaths(real, axes)

# %% [markdown]
# A dead x1 or y1 leaves boxes that begin at the image's edge; they need not be empty.
#
# On drawn radiographs no head of the following runs died (MobileNetV3Small, λ = 0.1, eight epochs, three
# seeds a row), but those in relative units learnt less, with GIoU too:

# %%
from clnbook import summary

heads = runs.study("box-unit")
style.page(losses.deaths(heads), "The same on drawn radiographs")

# %%
summary.styled_settings(summary.by_setting(heads))
