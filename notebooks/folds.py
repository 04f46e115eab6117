# %% [markdown]
# # Every box once: five folds
#
# The paper tests on one fifth of the 984 boxes, some of them a few dozen per finding. Here each setting is
# trained five times, each time without another fifth of the patients, so that every box is predicted once
# by a network that did not see its patient. Three seeds show how much training itself varies.
#
# The mean is over findings, then over seeds. Intervals are 95 % over patients and seeds: both are drawn
# again. The AUC compares probabilities of five networks with each other, which lowers it where these
# differ in scale.

# %% tags=["parameters"]
study: str = "phantom"  # name of a study under runs/ or results/, or its folder
runs: str = "*"  # which of its runs: names or patterns, separated by commas

# %%
from clnlib.parameters import Runs

parameters = Runs.from_notebook(globals())

# %%
from clnbook import folds
from clnlib import runs as records

found = records.study(parameters.study, parameters.runs)
settings = folds.complete(found)
print(f"study {parameters.study}: {len(settings)} settings trained on all five folds")

# %% [markdown]
# ## The numbers, and what they are worth
#
# A box can overlap the true one without any look at the image, so the mean IoU stands beside four boxes
# that see less, each fold's chosen by its own training part.

# %%
numbers = folds.tables(settings)
folds.styled(settings, numbers)

# %%
folds.styled_worth(numbers)
