# %% [markdown]
# # What it costs: time, memory, endurance
#
# Ratios against a peer in the same run, each under the machine it was made on; `benchmarks/` in the
# repository has the scripts, and `bash benchmarks/run.sh` makes the numbers again. A time by itself says
# little: another machine has another one.

# %%
import matplotlib.pyplot as plt
import pandas as pd

from clnbook import style
from clnlib import paths

plt.rcParams.update(style.rc())
FOLDER = paths.CHECKOUT / "benchmarks"


def told(name):
    """What a benchmark printed."""
    print((FOLDER / f"{name}.txt").read_text(encoding="utf-8").rstrip())


# %% [markdown]
# ## A training step, beside PyTorch
#
# The product's step (Keras on TensorFlow) against the same network of timm: milliseconds, and by how many
# times PyTorch takes longer; above one the product is faster.

# %%
told("step-speed")

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
# Stage 1 on as many images as NIH has without boxes: links with NIH's names to drawn radiographs, 64 pixels,
# two epochs of MobileNetV3Small. Memory and time of every step should grow no faster than the images.

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
