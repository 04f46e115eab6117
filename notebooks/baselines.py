# %% [markdown]
# # Blind boxes: what Table 1 must beat
#
# Section 3.2 compares networks with networks. This page asks what a box reaches that never sees
# the image: hearts lie where hearts lie, so a box at a finding's usual place overlaps many true
# ones. Four such boxes, all chosen on the training part only:
#
# - *class-medoid*: the training box of the finding that overlaps the others most;
# - *class-median*: the median of each coordinate;
# - *class-agnostic*: the medoid of all training boxes, not told the finding;
# - *best-per-threshold*: for every finding and T the training box with the best training accuracy.
#
# All but the class-agnostic one are told the true finding of a test image.

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

from clnbook import baselines, experts, names, style
from clnlib import runs as records

found = records.study(parameters.study, parameters.runs)
splits = names.by_split([*names.paper_runs(found), *found])
print(f"study {parameters.study}: {len(splits)} split(s): {'; '.join(splits)}")

# %% [markdown]
# ## The boxes
#
# In the frame of the image, of the first split.

# %% mystnb={"image": {"alt": "Four empty frames, one per kind of blind box, each with the named boxes of the findings drawn as outlines, one colour a finding."}}
import matplotlib.pyplot as plt

plt.rcParams.update(style.rc(found[0].findings))
boxes = baselines.boxes(next(iter(splits.values())))
figure, panels = plt.subplots(2, 2, figsize=(6.5, 5.6), layout="constrained")
for axes, (name, each) in zip(panels.flat, boxes.items(), strict=True):
    baselines.draw(each, axes).set_title(name)

# %% [markdown]
# ## What they reach
#
# Beside them one network of the study with the same split.

# %%
accuracy = {split: baselines.table(run, parameters) for split, run in splits.items()}
for split, run in splits.items():
    title = f"{split}; network: {names.labels([run], found)[0]}"
    display(baselines.styled(accuracy[split], title))

# %% [markdown]
# ## Cells of Table 1 that a blind box beats
#
# Legible cells only, by finding and T. The test images are this study's, not the paper's (which
# does not say which they are), so single cells may differ by chance; the picture as a whole does
# not rest on them.

# %%
for split, frame in accuracy.items():
    display(baselines.styled_beaten(baselines.beaten(frame), split))

# %% [markdown]
# ## Floor and ceiling
#
# The blind boxes are the floor. There are two ceilings. The first is the task's: some images have
# boxes of several findings, and the network names one finding and one box per image.

# %%
experts.styled_task({split: run.part("test") for split, run in splits.items()})

# %% [markdown]
# The second is the experts': a network learns one radiologist's boxes, and another radiologist would
# draw others. {doc}`localisation` has the main table. How much they agree depends on which pairs count:
# most where each drew a single box, least where a finding that the other reader did not mark counts
# as a miss. The mean of two readers is nearer to a third than a single reader is.

# %%
experts.styled_conventions(experts.agreement())
