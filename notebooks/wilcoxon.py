# %% [markdown]
# # The paper's significance tests
#
# Sections 3.2 and 3.3 of the paper compare its best model with every other method by Wilcoxon's
# signed-rank test, paired over findings: on Table 2 by AUC, on Table 1 by IoU accuracy at all
# thresholds T together. This page repeats both tests on the printed tables, and shows what pooling
# thresholds does to such a test. Our own runs are compared by resampling their patients, on each
# study's page of runs in pairs.

# %% [markdown]
# ## AUC (Table 2)
#
# CLN-MobileNetV3Small against each method, eight pairs. The paper does not say how p was computed,
# so here are the usual ways: `exact`, over all signs of the ranks; the `normal` approximation and the
# same with `continuity` correction; equal pairs ranked first instead of left out (`Pratt`). The paper
# does not mention an adjustment for the number of comparisons; the last column makes Holm's, of the
# exact p. ✗ marks a p under which the paper's statement does not hold. `effect` is the rank-biserial
# correlation: +1 where every finding is in favour; `zeros` counts equal pairs.

# %%
from clnbook import significance, style

auc = significance.auc_claims()
significance.styled_claims(auc, "Table 2: CLN-MobileNetV3Small against each method, two-sided p")

# %% [markdown]
# How many of the statements hold under each way of counting: those of a difference, and those of no
# difference, each beside how many there are of them.

# %%
style.page(significance.claims_tally(auc), "")

# %% [markdown]
# Eight pairs bound what any test can show: the smallest two-sided p is 2 / 2⁸, reached when every
# finding is in favour. Times the number of comparisons it is the smallest p that Holm can leave,
# whatever the scores:

# %%
print(f"smallest p of eight pairs: {auc['smallest_p'].min():.4f}")
print(f"of {len(auc)} comparisons under Holm: {auc['smallest_p'].min() * len(auc):.4f}")

# %% [markdown]
# ## IoU accuracy (Table 1)
#
# CLN-CheXNet against each method, findings and thresholds pooled. Evidence is what can be read:
# rows of the transcription that are legible and fit their printed mean (`n` is eight times the
# thresholds at which both are); `suspect too` is the exact p with the doubtful rows. The text speaks of four
# compared methods where the table has five; "p ≪ 0.01" is read as p < 0.001.

# %%
accuracy = significance.accuracy_claims()
significance.styled_claims(accuracy, "Table 1: CLN-CheXNet against each method, T pooled, two-sided p")

# %% [markdown]
# A ✗ here is no verdict. The row of CLN-Xception rests on the pairs that are legible, the others can turn it,
# and p of pooled thresholds is too small anyway (below): {doc}`the ledger <ledger>` leaves that claim open.

# %%
style.page(significance.claims_tally(accuracy), "")

# %% [markdown]
# The same at each T alone, eight pairs, exact (–: one of the two rows is not legible):

# %%
significance.styled_by_threshold(significance.accuracy_by_threshold(), "Table 1: exact p at each T alone")

# %% [markdown]
# ## What nested thresholds do
#
# A box that counts at T = 0.7 counts at every lower T. Seven accuracies of a finding are one set of
# boxes read seven times, and the test takes them for seven independent witnesses. Simulated: two
# equally good methods, test sets of the paper's size, IoUs whose chance to pass T is CLN-CheXNet's
# printed mean. Every rejection is false; `rate` should be at most 0.05. `error` is the standard
# error of the simulation; the last row has as many pairs without the nesting.

# %%
nested = significance.nested_thresholds()
significance.styled_nested(
    nested, "Share of comparisons of equally good methods that Wilcoxon's test calls different"
)

# %%
for name in ("T = 0.1", "mean over T", "pooled over T"):
    rate, error = nested.loc[name, ["rate", "error"]]
    print(f"{name}: {100 * rate:.1f} ± {100 * error:.1f} of 100 equal pairs are called different")
