# %% [markdown]
# # Localisation: Table 1, Figures 2 and 7
#
# Section 3.2 of the paper: a box counts as found where its IoU with the expert's is above a
# threshold T. IoU accuracy is the share of boxes found, per finding, and the unweighted mean over
# findings.
#
# Beside every number stands what a box reaches that never sees the image, and what the paper
# prints; numbers of drawn radiographs say nothing about the paper's. Intervals are 95 % over patients: patients, not boxes, are drawn again. A record of a
# study is all this page reads; nothing is trained here.

# %% tags=["parameters"]
study: str = "phantom"  # name of a study under runs/ or results/, or its folder
runs: str = "*"  # which of its runs: names or patterns, separated by commas
rows: str = "boxes"  # boxes: every box is a row | images: every image is a row, by its first listed box
group: str = "true"  # rows are grouped by their true | predicted (likeliest) finding
gated: bool = False  # True: a row whose predicted finding is wrong is a miss, IoU 0
several: str = "own"  # overlap with the row's own box | the best of the image's boxes
clipped: bool = True  # True: predicted boxes end at the image's edge, as pictures show them; False: as is

# %%
from clnlib.parameters import Evaluation

parameters = Evaluation.from_notebook(globals())

# %%
from IPython.display import display

from clnbook import experts, localisation, names, style, summary, thresholds, yardsticks
from clnlib import runs as records

found = records.study(parameters.study, parameters.runs)
print(f"study {parameters.study}: {len(found)} finished runs")

# %% [markdown]
# ## Every setting
#
# Runs that differ in their seed alone are one line. A name says in what the study's settings differ,
# where that is not the paper's. A number no better than the blind box's does not by itself show
# that the image was used.

# %%
summary.styled_settings(summary.by_setting(found, parameters))

# %% [markdown]
# ## Every run
#
# A name says only enough to tell a run from the others. Two runs may differ in more than their names
# say: *Every setting* above has all of it, and so has the receipt.

# %%
summary.overview(found, parameters)

# %% [markdown]
# ## Which epoch?
#
# The paper does not say which epoch's weights stage 2 keeps. By the total validation loss it can be an
# early one, before the boxes have learnt. Records that hold the predictions of
# other epochs, all but the oldest, show what these would give.

# %%
kept = summary.by_kept_epoch(found)
summary.styled_kept(kept) if len(kept) else print("no record here holds other epochs")

# %% [markdown]
# ## What the boxes are worth
#
# One run per backbone, that of Table 1 below. A box can overlap the true one without any look at the
# image, so each mean IoU stands beside boxes that see less.

# %%
chosen = names.paper_runs(found)
labels = names.labels(chosen, found)
yardsticks.styled(dict(zip(labels, chosen, strict=True)))

# %% [markdown]
# ## Table 1
#
# One run per backbone: that nearest to the paper's λ, split by patients and recipe. A dash: no such finding in the test part, or no such cell in the paper. “?” marks a printed
# value whose transcription is in doubt. Beyond the paper: mean IoU, and the accuracy averaged over
# T = 0.3, 0.5 and 0.7 (MaxBoxAcc). Where every box of a finding is found, or none, drawing patients
# again cannot vary the share; in the network's rows Wilson's interval over boxes stands there.

# %%
for name, run in zip(labels, chosen, strict=True):
    display(localisation.styled(localisation.table(run, parameters), name))

# %% [markdown]
# A column of it by hand, of the last network above: a box is found at T = 0.3 where its IoU with the true
# box is above T, and the accuracy is the share of a finding's boxes that are found. The table's own
# numbers must be equal, or this page stops here.

# %%
from clnlib.metrics.localisation import box_iou, iou_accuracy

test = run.part("test")
by_hand = (box_iou(test) > 0.3).groupby(test["finding"]).mean()
assert (by_hand - iou_accuracy(test, run.findings, [0.3]).loc[0.3]).abs().max() < 1e-9
style.page(by_hand.to_frame("found at T = 0.3"), f"{name}, boxes as rows")

# %% [markdown]
# ## Figure 2: mean IoU accuracy against T
#
# The paper's series are thin and dashed, of legible means only. Dotted: how well radiologists' boxes
# agree with each other, the ceiling; dash-dotted: the blind box, the floor. A study of other findings
# than the paper's eight has neither printed series nor ceiling beside it. The band is the interval.

# %% mystnb={"image": {"alt": "Mean IoU accuracy against the threshold T from 0.1 to 0.7: the study's networks as thick coloured lines in bands, the blind box grey and dash-dotted, radiologists among themselves grey and dotted where the findings are the paper's, the paper's printed series thin and dashed. The numbers of the study's lines are in the table of every run above."}}
import matplotlib.pyplot as plt

plt.rcParams.update(style.rc(found[0].findings))
figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
_ = thresholds.draw(thresholds.curves(chosen, parameters), axes)

# %% [markdown]
# ## The ceiling: how well radiologists' boxes agree
#
# A network learns one radiologist's boxes. How often would another radiologist's box count as found?
# Two public sets of annotations answer that without an image. In VinDr-CXR three radiologists read
# each image; RSNA's readers drew boxes of pneumonia on images of which NIH had boxed some before.
#
# The numbers flatter agreement in one way: a pair counts only if both readers saw the finding, in
# VinDr-CXR only if each drew a single box. They understate it in others: VinDr-CXR's hospitals,
# findings and instructions are not NIH's, and RSNA's readers were asked for opacities that may be
# pneumonia, not for NIH's finding. So the ceiling is a mark to read numbers against, not a bound:
# a network that learns one reader's habits may exceed it.

# %%
experts.styled(experts.agreement())

# %% [markdown]
# ## Figure 7: decrease with T
#
# In per cent of the accuracy at T = 0.1; a printed series whose mean at T = 0.1 is not legible has
# none. A small decrease is no merit by itself: a method that finds little at T = 0.1, but that
# little well, has one too.

# %% mystnb={"image": {"alt": "Decrease of the mean IoU accuracy in per cent of that at T = 0.1, against T: the study's networks in bands, the blind box grey and dash-dotted, radiologists among themselves grey and dotted where the findings are the paper's, the printed series thin and dashed; all rise with T."}}
figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
decay = thresholds.curves(chosen, parameters, relative=True)
_ = thresholds.draw(decay, axes, relative=True)

# %% [markdown]
# ## What the convention is worth
#
# The paper does not say what a row is where an image has several boxes, nor whether a wrongly
# named finding can have a right box. The same predictions, counted in each way:
#
# - `rows=images`: every image counts once, by its first listed box;
# - `several=best`: the overlap with the best of the image's boxes;
# - `group=predicted`: grouped by the predicted finding;
# - `gated=yes`: a wrongly predicted finding is a miss.

# %%
for name, run in zip(labels, chosen, strict=True):
    display(localisation.styled_effects(localisation.effects(run), name))
