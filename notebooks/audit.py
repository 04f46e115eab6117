# %% [markdown]
# # The paper's numbers, computed again
#
# The paper's numeric and logical claims, from the abstract to the conclusion, held against its own
# tables and public data. A sentence or number is a *statement*; statements that say the same, in several
# sections, are one *claim*.
#
# **What was audited**: the accepted manuscript, not the version of record, in a text
# conversion that damaged Table 1. Only its legible rows, those whose printed mean fits their cells
# and whose label and order are sound, are evidence; what that leaves out is listed below. No figure
# was at hand: where the ledger says that print does not decide, a figure may. The paper announces code
# upon acceptance; we have not looked for it in the version of record.
#
# **What this does not show**: whether the networks do what Tables 1 and 2 say. Arithmetic that holds
# is no replication, and arithmetic that does not hold can be a slip of the pen.
#
# **Replies and corrections**, the authors' above all, are welcome as an issue of the repository that
# this page comes from, and are printed here in full. The authors have not been contacted yet, so that
# there is none. We have no competing interests.

# %%
import matplotlib.pyplot as plt
from IPython.display import Markdown, display

from clnbook.audit import (
    ablation,
    blind,
    explanations,
    leakage,
    ledger,
    main_findings,
    network,
    printed,
    testsets,
)
from clnbook import style

plt.rcParams.update(style.rc())
claims = ledger.compute()
explained = explanations.explanations()
findings = main_findings.compute(claims, explained)
print(f"{len(claims)} statements, {claims['issue'].nunique()} claims")


# %%
style.worded(ledger.meanings(claims), "The six verdicts").format(precision=0)

# %% mystnb={"image": {"alt": "Bars: number of statements by verdict; most are reproduced."}}
figure, axes = plt.subplots(figsize=(3.5, 1.5), layout="constrained")
_ = ledger.draw_summary(ledger.summary(claims), axes)

# %% [markdown]
# Where a number or the wording differs: how many claims that makes, and what they change in the paper.

# %%
style.worded(ledger.issues(claims), "Differing claims by what they change")

# %% [markdown]
# ## The findings that matter most


# %% tags=["remove-input"]
def tell(number):
    """Show a main finding: its title, its sentence, and the ids of the claims it rests on."""
    title, text, ids = findings[number]
    links = ", ".join(f'<a href="ledger.html#{id}">{id}</a>' for id in ids)
    display(Markdown(f"**{number + 1}. {title}.** {text} ({links})"))


tell(0)

# %% mystnb={"image": {"alt": "Stacked bars: verdicts of the statements of each section of the paper."}}
figure, axes = plt.subplots(figsize=(3.5, 4.4), layout="constrained")
_ = ledger.draw_by_section(claims, axes)

# %% tags=["remove-input"]
tell(1)

# %% mystnb={"image": {"alt": "Million parameters of the six networks: printed totals and those with global average pooling coincide, those with a flatten layer lie far above."}}
figure, axes = plt.subplots(figsize=(3.5, 2.4), layout="constrained")
_ = ledger.draw_beside(network.totals(), axes).set_xlabel("million parameters")

# %% tags=["remove-input"]
tell(2)

# %% mystnb={"image": {"alt": "Table of the class sizes that fit each variant, coloured by distance from a fifth of the finding's boxes: rows of one column differ."}}
figure, axes = plt.subplots(figsize=(3.5, 2.6), layout="constrained")
_ = testsets.draw_sizes_of_boxes(testsets.sizes_of_boxes(), testsets.fifth(), axes)

# %% tags=["remove-input"]
tell(3)

# %% mystnb={"image": {"alt": "Mean AUC per variant: the least and most over \u03bb with a line between, and the value of Table 2; for two variants Table 2's value is the right end of the line to the last digit, for a third nearly."}}
figure, axes = plt.subplots(figsize=(3.5, 2.4), layout="constrained")
_ = ledger.draw_beside(ablation.beside_ranges(printed.read()), axes).set_xlabel("mean AUC")

# %% tags=["remove-input"]
tell(4)

# %% mystnb={"image": {"alt": "Two-sided p of each method on a logarithmic axis: most exact ones lie left of the dotted line at the level of the test, those after Holm's adjustment right of it."}}
from clnbook.significance import accuracy_by_threshold, auc_claims, claims_tally, styled_by_threshold

auc = auc_claims()
figure, axes = plt.subplots(figsize=(3.5, 4.2), layout="constrained")
ledger.draw_beside(auc[["exact", "Holm"]], axes).set(xscale="log", xlabel="two-sided p, Table 2")
_ = axes.axvline(0.05, color=style.BLIND, lw=0.8, ls=":")

# %% tags=["remove-input"]
tell(5)

# %% mystnb={"image": {"alt": "Printed and recomputed decays in per cent, a line between the two where they differ."}}
decays = {
    "decay-ouyang": "Ouyang et al.",
    "decay-vit": "ViT-based",
    "decay-chexnet": "CLN-CheXNet",
    "decay-resnet": "CLN-ResNet50V2",
}
table = ledger.printed_beside(claims, list(decays)).rename(index=decays)
figure, axes = plt.subplots(figsize=(3.5, 1.8), layout="constrained")
_ = ledger.draw_beside(table, axes).set_xlabel("decay from T = 0.1 to 0.7, per cent")

# %% [markdown]
# ## Which test set, and what its size means
#
# {doc}`testsets`: which numbers of boxes could have printed the variants' accuracies, whether one test
# set fits all of them, and which differences so few boxes can tell from chance.

# %% [markdown]
# ## What training has seen
#
# Section 2.1 splits images and says there is "no danger of data leakage": of the images between the
# two stages, as NIH's lists show. A patient with several images can still lie in both parts
# of the second stage. Shares of test boxes: means over 30 splits, with a line from the least to the most.

# %% mystnb={"image": {"alt": "Bars per kind of split: the share of test boxes whose image, and whose patient, was in training; none when split by patient."}}
figure, axes = plt.subplots(figsize=(3.5, 2), layout="constrained")
_ = leakage.draw_protocols(leakage.protocols(), axes)

# %%
found = leakage.official()
print(
    f"NIH's lists: {found['in_test']} of {found['images']} boxed images in the test list, "
    f"{found['in_train_val']} of them and {found['patients_in_train_val']} of their patients in the "
    "training list"
)

# %% [markdown]
# ## Boxes that never see the image
#
# The blind box is the most central training box of the true finding, over 30 splits by patient; band and
# lines reach from the lowest to the highest. It is told the finding, which a network is not. A bar counts
# the cells below the mean over the splits; in brackets, what single splits beat: a split has few boxes of
# a finding, so that the mean may lie outside.

# %% mystnb={"image": {"alt": "Mean IoU accuracy against T: the printed CLN variants lie highest and fall slowly, the published methods fall fast; the blind box, thick and dashed, crosses some of these."}}
beside = blind.against()
figure, axes = plt.subplots(figsize=(3.5, 3), layout="constrained")
_ = blind.draw_against(beside, axes)

# %% mystnb={"image": {"alt": "Bars per method: the share of legible cells in which the blind box is better."}}
figure, axes = plt.subplots(figsize=(3.5, 2.8), layout="constrained")
_ = blind.draw_share_beaten(blind.share_beaten(beside), axes)

# %% [markdown]
# ## Significance
#
# How many of section 3.3's statements on Table 2 hold under each way of counting Wilcoxon's test;
# Holm's adjustment is for the number of comparisons. With eight pairs neither Holm's p nor the normal
# approximation's can be as small as many of the statements say, whatever the data: those rows show how
# few the pairs are. {doc}`Its significance tests <wilcoxon>` has every p.

# %%
style.worded(claims_tally(auc))

# %% [markdown]
# Table 1 at each T alone, CLN-CheXNet against each method, legible rows:

# %%
styled_by_threshold(accuracy_by_threshold(), "Table 1: exact p at each T alone")

# %% [markdown]
# ## Appendix: a backbone from elsewhere
#
# This is for readers who would take a ready-made backbone; the authors fine-tuned their own. One from a
# public re-implementation with a split of its own, 70/10/20, has seen these shares of the boxed images:

# %%
style.worded(leakage.public_splits()).format("{:.0%}")

# %% [markdown]
# Every claim, with its arithmetic and the line of code that computed it: {doc}`ledger`.
