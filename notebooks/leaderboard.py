# %% [markdown]
# # Leaderboard
#
# Every published run but those of [the five folds](results/nih880-folds/folds.ipynb), which test other boxes
# each, every printed method, the boxes that never see the image and radiologists' agreement
# in one table: means over the eight findings, of the test part. Runs on real radiographs come first, the
# largest mean IoU on top; runs on drawn ones last. A head sorts, a button shows one kind alone, and a run's
# study leads to its pages.
#
# Rows are not all of one kind. Drawn radiographs are easier than real ones, printed methods were measured on
# test images of their own, and several of our runs share a test part, so that the best of many is flattered.
# A dash in a printed row: not printed, or not legible to us. The pages of a study have the intervals.

# %%
from IPython.display import display

from clnlib import runs
from clnbook import leaderboard, start

names = (*reversed(start.REAL), "phantom", "box-unit")
table = leaderboard.compute({name: runs.study(name) for name in names})
print(f"{len(table)} rows")

# %% tags=["remove-input"]
shown = {"text/html": leaderboard.html(table), "text/csv": table.to_csv(index=False)}
display({"text/plain": f"{len(table)} rows"} | shown, raw=True)
