# %% [markdown]
# # One change at a time
#
# The text leaves much of the recipe open. Here one recipe is trained again and again with one thing changed
# each time. Which change moves the findings, and which the boxes?
#
# Means are over findings, then over seeds; intervals are 95 % over patients and seeds, both drawn again. Of
# twenty changes one differs by chance alone: Holm's adjustment counts that in. Seeds are drawn for each setting
# by itself. A change that acts only after the epoch whose weights are kept leaves the runs as they are: its
# line has the recipe's numbers.

# %% tags=["parameters"]
study: str = "phantom"  # name of a study under runs/ or results/, or its folder
runs: str = "*"  # which of its runs: names or patterns, separated by commas

# %%
from clnlib.parameters import Runs

parameters = Runs.from_notebook(globals())

# %%
from IPython.display import Markdown

from clnbook import changes
from clnlib import runs as records

found = records.study(parameters.study, parameters.runs)
settings = changes.settings(found)
numbers = changes.table(settings)
print(f"{len(settings) - 1} changes of the recipe: {changes.described(settings[changes.RECIPE][0])}")

# %% [markdown]
# ## What each change does
#
# Right of zero is better than the recipe.

# %% tags=["remove-input"]
Markdown(changes.told(numbers))

# %% mystnb={"image": {"alt": "Points with intervals, a line per change of the recipe: by how much its mean AUC, above, and its mean IoU, below, differ from the recipe's, with a line at zero. The numbers are in the table below."}}
import matplotlib.pyplot as plt

from clnbook import style

plt.rcParams.update(style.rc())
_ = changes.draw(numbers)

# %%
changes.styled(numbers)

# %% [markdown]
# ## What the boxes are worth
#
# Whatever the change: does the network's box beat boxes that do not see the image, or see less?

# %%
from clnbook import folds

each = {name: [[run] for run in group] for name, group in settings.items()}
worth = folds.tables(each, resamples=changes.RESAMPLES)
folds.styled(each, worth, folds.ONE_PART)

# %%
folds.styled_worth(worth)
