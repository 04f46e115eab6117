# %% [markdown]
# # Classification: Table 2
#
# Section 3.3 of the paper: how well the finding head tells the findings apart, as the area under
# the ROC curve (AUC) of each finding against the rest, and the unweighted mean over findings.
#
# Beside every number stands what the paper prints. Intervals are 95 % over patients: patients, not
# boxes, are drawn again. A record of a study is all this page reads; nothing is trained here.
#
# The head is a softmax: its probabilities compete for one finding, yet some images have several.
# Such an image is a row per box, each with the same probabilities, right for one of the rows at
# most. `-p rows images` makes it one row in which each of its boxed findings is true.

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
import pandas as pd

from clnbook import classification, names, style
from clnlib import runs as records

found = records.study(parameters.study, parameters.runs)
print(f"study {parameters.study}: {len(found)} finished runs")

# %% [markdown]
# ## Table 2
#
# Every run of the study above the paper's rows. The paper's methods were tested on test sets of
# their own, of other sizes and other labels; runs of one study share theirs where they share the
# split. A study of phantoms, which are drawn, says nothing about the paper. A dash: no such finding
# in the test part.

# %%
study_runs = dict(zip(names.labels(found), found, strict=True))
areas = {name: classification.table(run, parameters) for name, run in study_runs.items()}
classification.beside_table2(areas)

# %% [markdown]
# ## Finding by finding
#
# One run per backbone: that nearest to the paper's λ and recipe. Percentile and BCa intervals part where a finding has few patients or its AUC is near 1:
# where they do, trust neither to the second digit.

# %%
from IPython.display import display

folders = [run.folder for run in names.paper_runs(found)]
chosen = {name: run for name, run in study_runs.items() if run.folder in folders}
for name in chosen:
    display(classification.styled(areas[name], name))

# %% [markdown]
# A column of it by hand, of the last run above: for each finding the chance that a box of it gets a larger
# probability of it than a box of another. The table's own mean must be equal, or this page stops here.

# %%
from sklearn.metrics import roc_auc_score

from clnlib.metrics.classification import mean_auc

run = chosen[name]
test = run.part("test")
by_hand = {f: roc_auc_score(test["finding"] == f, test[f"p_{f}"]) for f in test["finding"].unique()}
assert abs(sum(by_hand.values()) / len(by_hand) - mean_auc(test, run.findings)) < 1e-9
style.page(pd.Series(by_hand).sort_index().to_frame("AUC"), f"{name}, boxes as rows")

# %% [markdown]
# ## ROC curves
#
# The thick curve is the mean of the findings' true-positive rates at each false-positive rate, with
# its pointwise band. On the dotted line a network would do as well by drawing lots.

# %% mystnb={"image": {"alt": "ROC curves: true-positive against false-positive rate, one thin curve per finding, the mean thick in its band, the diagonal dotted. The areas are in the table finding by finding above."}}
import matplotlib.pyplot as plt

from clnbook import rates

plt.rcParams.update(style.rc(found[0].findings))
for name, run in chosen.items():
    figure, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
    test = run.part("test")
    classification.roc(rates.roc_bands(test, run.findings, rows=parameters.rows), axes)
    axes.set_title(name)

# %% [markdown]
# ## Reliability
#
# The probability of the likeliest finding against how often that finding is true, in ten bins of
# equally many rows. Below the dotted line the network is surer than it is right.

# %% mystnb={"image": {"alt": "Share of rows whose likeliest finding is true against its mean probability, ten bins with intervals, the diagonal dotted."}}
for name, run in chosen.items():
    figure, axes = plt.subplots(figsize=(3.5, 3.4), layout="constrained")
    test = run.part("test")
    classification.reliability(rates.reliability(test, run.findings, rows=parameters.rows), axes)
    axes.set_title(name)

# %% [markdown]
# ## Confusion
#
# Boxes by their true and their likeliest finding; the shade is the share of the true finding. A
# box outside the diagonal may still be right about the image, where that has both findings.

# %% mystnb={"image": {"alt": "Matrix of boxes by true finding (rows) and likeliest finding (columns), counts in shaded cells."}}
for name, run in chosen.items():
    figure, axes = plt.subplots(figsize=(4.2, 4), layout="constrained")
    test = run.part("test")
    classification.confusion(rates.confusion(test, run.findings), axes)
    axes.set_title(name)
