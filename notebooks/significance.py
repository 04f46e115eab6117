# %% [markdown]
# # Runs in pairs
#
# The paper compares methods by a test paired over findings ({doc}`its own tests <../../wilcoxon>`). But
# patients, not findings, are what was sampled. Here every two runs on the same test rows are read on the
# same resampled patients: difference of mean AUC, and of mean IoU accuracy (averaged over T, so that
# the thresholds are one witness), with 95 % intervals, two-sided p, and Holm over the pairs. Runs
# that differ in their seed only tell how much of a difference is the training's own chance, which
# no resampling of patients sees.

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

# %%
from clnbook import paired, pairs

compared = paired.compare_runs(chosen, parameters)
print(pairs.in_words(compared))

# %%
pairs.matrix(compared, chosen)

# %% [markdown]
# Every pair with its interval:

# %% tags=["hide-output"]
pairs.styled(compared, chosen, f"Runs of {parameters.study} in pairs, by resampled patients")
