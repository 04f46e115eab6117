# %% [markdown]
# # Ablation: what λ and T do
#
# Section 3.4 of the paper asks what the backbone, the IoU threshold T and λ do to the results. The
# backbones stand side by side in [localisation](localisation.ipynb) and
# [classification](classification.ipynb); Grad-CAM has [its own page](gradcam.ipynb). This page
# is about λ (section 3.4.2, Figure 4): the loss is λ · cross-entropy + (1 − λ) · (1 − IoU), so a
# larger λ asks more of the finding and less of the box. (The section has the two ends the wrong way
# round: with Eq. 4, λ = 0 leaves the boxes only, λ = 1 the findings only.)

# %% tags=["parameters"]
study: str = "phantom"  # name of a study under runs/ or results/, or its folder
runs: str = "*"  # which of its runs: names or patterns, separated by commas
rows: str = "boxes"  # boxes: every box is a row | images: every image is a row, by its first listed box
group: str = "true"  # rows are grouped by their true | predicted (likeliest) finding
gated: bool = False  # True: a row whose predicted finding is wrong is a miss, IoU 0
several: str = "own"  # overlap with the row's own box | the best of the image's boxes
clipped: bool = True  # True: predicted boxes end at the image's edge, as pictures show them; False: as is

# %%
from clnlib import runs as records
from clnlib.parameters import Evaluation

parameters = Evaluation.from_notebook(globals())
chosen = records.study(parameters.study, parameters.runs)
print(f"{len(chosen)} runs of {parameters.study}")

# %% [markdown]
# ## T
#
# The threshold is no property of a network: it says how much of the box must be right to count. The
# curves over T (Figure 2) and the decay from T = 0.1 (Figure 7), beside a box that never sees the
# image, are in [localisation](localisation.ipynb). That accuracy falls as T rises is so for any
# boxes at all; how fast it falls is the question.
#
# ## λ
#
# The mean AUC and the mean IoU accuracy for every λ that was run. Seeds of one λ are averaged; the
# intervals are over patients. Runs of one backbone that differ in more than λ and seed are kept
# apart as settings.

# %%
from clnbook import ablation, style

values = ablation.table(chosen, parameters)
ablation.styled(values)

# %% [markdown]
# Figure 4 anew, of settings with three λ or more. Neighbouring λ are joined, a λ that was not run is a gap.

# %% mystnb={"image": {"alt": "A panel per backbone: mean AUC and mean IoU accuracies against \u03bb, points with intervals, neighbouring \u03bb joined. The numbers are in the table above."}}
import matplotlib.pyplot as plt

plt.rcParams.update(style.rc(chosen[0].findings))
curves = ablation.with_curve(values)
_ = ablation.panels(curves) if len(curves) else print("no setting here has three λ: no curve")

# %% [markdown]
# ## Against the paper's λ
#
# The paper settles on one λ per backbone. Whether another one does better is a question of
# differences on the same patients: their interval is narrower than the values' own would suggest.
# With one seed a λ, the seed's effect cannot be told from λ's; where there are several,
# `values["seed_sd"]` says how far they lie apart.

# %%
ablation.styled_differences(values)

# %% [markdown]
# ## How much λ matters
#
# The range over λ, of settings with two or more, beside the ranges and standard deviations that section
# 3.4.2 prints. A range grows with the number of λ, and by chance alone: fewer λ than the paper's nine make
# a smaller one.

# %%
ranged = ablation.with_curve(values, least=2)
ablation.styled_ranges(ablation.ranges(ranged, chosen))

# %% [markdown]
# The best λ of a quantity is picked here on the test part, as Figure 4 seems to do. A λ for further
# use has to be chosen on the validation part; the test then says what it is worth.
