# %% [markdown]
# # What it costs: time, memory, endurance
#
# In short, on one processor of two cores: in single precision a training step is now faster, now slower than
# PyTorch's, in half precision slower; augmented images come faster than any of the six networks takes them;
# with nearly all of NIH's images a training needs about a quarter more memory than with a thousand; and
# whenever a step was killed, its files were the same to the last bit once it had been run again.
#
# Where there is a peer, a ratio against it in the same run: a time by itself says little, another machine has
# another one. `benchmarks/` in the repository has the scripts, and `bash benchmarks/run.sh` makes the tables
# of speed and size again, each under the machine it was made on.

# %%
from html import escape

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, display

from clnbook import style
from clnlib import paths

plt.rcParams.update(style.rc())
FOLDER = paths.CHECKOUT / "benchmarks"


def told(name):
    """What a benchmark printed, its lines as they are."""
    text = escape((FOLDER / f"{name}.txt").read_text(encoding="utf-8").rstrip())
    display(HTML(f'<pre class="printed" tabindex="0">{text}</pre>'))


# %% [markdown]
# ## A training step, beside PyTorch
#
# The product's step (Keras on TensorFlow) against the same network of timm: milliseconds, and by how many
# times PyTorch takes longer; above one the product is faster. On this processor each is the faster one for
# three networks in single precision, and PyTorch is for all six in half precision. *Of peak* is the time that
# a step's operations would take at the speed of a wide convolution, divided by the time that the step takes.
# *Weights* are those that train: timm's ResNet50V2 and InceptionV3 differ a little in theirs.

# %%
told("step-speed")

# %% [markdown]
# Where that time goes, in milliseconds. Keras writes BatchNorm as several operations and always in single
# precision: half precision hardly shortens them, and adds casts from it and back. PyTorch has one operation,
# which reads and writes half precision. *Keras, fused* is an experiment: TensorFlow has such an
# operation, too, and with it in Keras' place a step is shorter in either precision. The depthwise convolutions
# of MobileNetV3Small take longer in half precision than in single, in both libraries.

# %%
told("step-profile")

# %% [markdown]
# ## Feeding the network
#
# Augmented images a second, with threads as a training has them; training through the store against an
# array in memory; and freed memory kept against given back.

# %%
told("feed-speed")

# %%
told("store-speed")

# %%
told("memory-speed")

# %% [markdown]
# ## The whole data set
#
# Stage 1 on more and more images: links with NIH's names to drawn radiographs, 64 pixels, two epochs of
# MobileNetV3Small. Memory and time of every step should grow no faster than the images, up to nearly all that
# NIH has of patients without a box. The drawn radiographs have a quarter of NIH's side.

# %% mystnb={"image": {"alt": "Two panels against the number of images, both axes logarithmic: seconds of each step, which rise in straight lines, and the largest memory of each step. The numbers are in the table below."}}
scale = pd.read_csv(FOLDER / "scale.csv")
figure, panels = plt.subplots(2, figsize=(3.5, 5), layout="constrained", sharex=True)
for axes, column in zip(panels, ("seconds", "MiB"), strict=True):
    table = scale.pivot(index="images", columns="step", values=column)[scale["step"].unique()]
    _ = table.plot(ax=axes, logx=True, logy=True, ylabel=column, marker="o", ms=3, legend=False)
_ = figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)

# %%
told("scale")

# %% [markdown]
# ## Evaluation
#
# Resampling patients all at once against loops; the whole evaluation of a run; Grad-CAM in batches.

# %%
told("bootstrap-speed")

# %%
told("evaluation-speed")

# %%
told("gradcam-speed")

# %% [markdown]
# ## Killed, full, broken
#
# Kills at random moments, full and read-only disks, odd homes, two processes at once, damaged records: what
# was there afterwards.

# %%
told("endurance")

# %% [markdown]
# ## Where a maintainer's minutes go
#
# The two commands of the README, each on a fresh clone, installation included; below them the tests' seconds
# by file, of two workers together.

# %%
told("minutes")

# %% [markdown]
# ## Not measured
#
# On a GPU none of the above: `python benchmarks/step_speed.py --ways Keras "Keras, any order" PyTorch` and
# `python benchmarks/feed_speed.py` print there what they print here, and `-p devices 2` shares a training by
# two of them. On several nodes of a cluster nothing.
