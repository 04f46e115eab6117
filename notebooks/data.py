# %% [markdown]
# # The images and boxes
#
# ChestX-ray14 holds 112,120 frontal radiographs of 30,805 patients with labels read from reports by
# a program (Wang et al. 2017). A radiologist drew boxes on a few of them, and these boxes are all
# that stage 2 learns from. This page describes them from the annotation tables, which come with
# the package; no image is needed.
#
# **Licence.** NIH asks for attribution and allows use without restriction. The tables here are from
# the `torchxrayvision` package; `clnlib/data/tables/README.md` says how and with which hashes.

# %%
from clnbook import data, images, style
from clnlib.data import nih

boxes, labels = nih.load_boxes(), nih.load_labels()
style.worded(data.composition(boxes, labels), "All images, and those with boxes").format("{:,.3g}").format(
    "{:,.0f}", subset=(["images", "patients"], slice(None)))

# %% [markdown]
# ## The boxes
#
# `area` is the median share of the frame, `spread` how far the centres of a finding's boxes lie from
# their mean: small for a heart, which is always in the same place, so that a box that never sees the
# image does well. `labelled` is the share of boxes whose finding is also among the image's labels.

# %%
statistics = data.box_statistics(boxes, labels)
shown = style.worded(statistics, "The boxes of each finding").format("{:.3f}")
shown.format("{:.0f}", subset=["boxes", "patients"])

# %% mystnb={"image": {"alt": "Eight small frames, one per finding, each with all of its expert boxes drawn as thin translucent outlines: cardiomegaly boxes coincide over the heart, nodules are scattered over both lungs."}}
import matplotlib.pyplot as plt

plt.rcParams.update(style.rc())
figure, panels = plt.subplots(2, 4, figsize=(7, 3.9), layout="constrained")
for axes, (finding, rows) in zip(panels.flat, boxes.groupby("finding"), strict=True):
    data.draw_boxes(rows, axes).set_title(finding, fontsize=8)

# %% [markdown]
# ## Several findings on one image
#
# The paper speaks of single-label classification. Some of these images have more than one boxed finding;
# here such an image has one row per box, each with its own finding.

# %%
style.worded(
    data.findings_per_image(boxes).to_frame().rename_axis("boxed findings"),
    "Images by their number of boxed findings",
)

# %% mystnb={"image": {"alt": "Histogram of ages of the boxed images, from children to about ninety years, most between forty and seventy."}}
ages = labels[labels["image"].isin(boxes["image"])]["age"]
figure, axes = plt.subplots(figsize=(4.5, 2.4), layout="constrained")
_ = data.draw_ages(ages, axes)

# %% [markdown]
# ## Splits and what they leak
#
# 80/20 for the test, then 90/10 for validation, stratified by finding. Under `patient` nothing is
# shared. A split by image lets the network train on other images of the test's patients; a split by
# box even on the same images.

# %%
import pandas as pd

from clnbook.audit.leakage import leakage
from clnlib.data.splits import PROTOCOLS, make_split

tests = {p: leakage(make_split(boxes, p)).loc["test"] for p in PROTOCOLS}
style.worded(pd.concat(tests, axis=1).T, "What each kind of split leaks into its test part")

# %% [markdown]
# ## What the phantom is, and is not
#
# A phantom is a radiograph drawn by a program: lungs, ribs, spine, heart, diaphragm and clavicles,
# varied by the image's name, and inside the **real** box of each finding a look of its own. Names,
# patients and boxes are the real table's, so splits, class sizes and blind boxes are the real ones;
# only the pixels are drawn. It shows that the code learns what is there to be learnt, in minutes and
# with nothing downloaded. It says nothing about how well a network reads patients' images.

# %% mystnb={"image": {"alt": "Eight drawn radiographs, one per finding, each with its real expert box in green."}}
from clnlib.data import sources
from clnlib.parameters import Prepare

source = sources.boxed(Prepare(image_size=160))
first = boxes.groupby("finding").head(1).sort_values("finding")
_ = images.gallery(first, [source.read(image)[0] for image in first["image"]])
