# %% [markdown]
# # Which test set?
#
# How many boxes of each finding can the printed accuracies come from, and are they the same boxes for
# every variant? {doc}`audit` says what was audited, and what this does not show.

# %% tags=["remove-input"]
import matplotlib.pyplot as plt
from IPython.display import Markdown

from clnbook.audit import explanations, ledger, main_findings, robustness, testsets, uncertainty
from clnbook import style

plt.rcParams.update(style.rc())
explained = explanations.explanations()
title, text, _ = main_findings.compute(ledger.compute(), explained)[2]
Markdown(f"**{title}.** {text}")

# %% [markdown]
# Taken as the result of one run, an accuracy over n boxes is a whole number of boxes over n. Printed
# with two decimals, a column of accuracies therefore admits few n. Below, every n from 5 to 60 that could
# have printed all legible cells of a variant and finding; large points also give the printed means of
# the eight findings.
# The dotted line is 20 % of the finding's boxes. One test set under all variants, grouped by true
# finding, would put six points above each other.

# %% mystnb={"image": {"alt": "A panel per finding: the numbers of test boxes that each of the six variants admits as points, with a dotted line at a fifth of the boxes; for no finding is a number common to all six."}}
sizes = {name: testsets.admissible(name) for name in testsets.variants()}
figure, grid = plt.subplots(4, 2, figsize=(7, 7), layout="constrained", sharex=True, sharey=True)
testsets.draw_admissible(sizes, testsets.fifth(), grid)

# %% [markdown]
# How numbers were rounded matters and is not told. *columns without size* counts the columns that
# no n gives. This page takes "twice", half up to three decimals, then half up to two, as a table kept
# with three decimals gives. Since the data chose it, the last test below lets every
# cell be rounded in its own way.

# %%
style.worded(robustness.conventions(), "The answers under every way of rounding")

# %% [markdown]
# Under "twice", the totals that each variant admits, and whether 197, which is 20 % of the 984 boxes, or
# 176, of the 880 images, is among them. *near fifth*: combinations of sizes with 10 to 30 % of every finding's boxes that reproduce
# every legible cell and mean, and *near totals*, how many boxes they have.

# %%
style.worded(testsets.totals(), "Totals of test boxes that each variant admits")

# %% [markdown]
# Three rows are left out though their printed mean fits their cells: two for a damaged label, one
# because a cell rises with T, as one value rounded in two ways would. *boxes fit*: whether its variant
# admits 197 boxes with the row as printed.

# %%
style.worded(robustness.left_out(), "Rows left out whose mean fits")

# %% [markdown]
# Whether one size fits all variants. *sizes*: those that do; *misread*: how many of the legible cells would at least have to
# be other than they read for one size to fit them all; *nearest*: the sizes with so few.

# %%
style.worded(testsets.common(), "Numbers of test boxes that fit all six variants")

# %% [markdown]
# The same if any one cell of a column may read anything, and if every cell may have been rounded in
# a way of its own:

# %%
survives = robustness.sensitivity()["survives"].sum()
none = (testsets.common("any")["sizes"].map(len) == 0).sum()
print(f"one cell of each column misread: {survives} of 8 findings still have no common size")
print(f"any rounding, cell by cell: {none} of 8 findings have no common size")

# %% [markdown]
# Would this test say so by mistake? Simulated tables, rounded like that: *none fits* is the mean
# number of findings without a common size, *all none* the share of tables in which all eight have
# none. One test set gives none by construction, so the row to look at is the one with misread cells.
# In the last row `misread` is the mean number of cells per finding that would have to be: legible
# rows, whose printed means fit their cells, can hide few.

# %%
style.worded(robustness.null_simulation(), "Simulated tables, and the printed one").format("{:.2f}")

# %% [markdown]
# What could explain it. Each row is simulated; χ² is the distance of the six sets of sizes from 20 % of
# each finding's boxes. One test set with rows grouped by the *predicted* finding comes so close only if
# nearly all findings are predicted right, or nine in ten with most answers common to all variants. A
# test set drawn anew for each variant, stratified by an image's first label, lies too far; stratified by
# its first *boxed* finding it stays possible. That would be innocent; variants would then have been
# compared on different boxes. Variants that see the same images have errors in common, so that the rows with
# independent errors are a little too low.

# %%
style.worded(explained, "Explanations, simulated").format({"probability": "{:.1g}"}, na_rep="–")

# %% [markdown]
# ## What such class sizes mean
#
# Wilson intervals of the variants at T = 0.7, with the class sizes that fit.

# %% mystnb={"image": {"alt": "Accuracies of the six variants per finding with wide, overlapping intervals."}}
cells = uncertainty.wilson()
figure, axes = plt.subplots(figsize=(3.5, 5.5), layout="constrained")
_ = uncertainty.draw_wilson(cells[cells["T"] == 0.7], axes)

# %% [markdown]
# How far two accuracies around 0.75 must lie apart to be told from chance (95 %, independent test
# sets of 20 % of the boxes; less, if one test set was shared, as the text says):

# %%
style.worded(
    uncertainty.detectable_difference().to_frame().T, "The least difference that can be told from chance"
).format("{:.2f}")

# %% [markdown]
# What the best of the variants gains by being picked, were they all equally good; *p spread* is how
# often equals spread as far as the printed means do. *best* is a mean of rounded cells, and may lie a
# thousandth or two from the printed one.

# %%
style.worded(uncertainty.best_of_equals(), "The best of equals, at each T").format(
    {"p spread": lambda p: f"{p:.3f}" if p >= 0.001 else "< 0.001"}, precision=3
)
