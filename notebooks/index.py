# %% [markdown]
# # CLN, checked
#
# A companion to *CLN: A multi-task deep neural network for chest X-ray image localisation and
# classification* (Okolo, Katsigiannis, Ramzan; Expert Systems with Applications 2025): its method as
# code that runs, its numbers computed again, and a box that never sees the image beside every
# localisation number. Every number on these pages was printed by the code; intervals are 95 % over
# patients.

# %% tags=["remove-input"]
from IPython.display import Markdown

from clnlib import runs
from clnbook import start

phantom = runs.study("phantom")
real = [run for s in ("pilot", "trials", "xception") for run in runs.study(f"nih880-{s}")]
pixels, relative = ([r for r in real if r.train.box_unit == u] for u in ("pixels", "relative"))
Markdown(f"**What the paper claims.** {start.claimed()}")

# %% tags=["remove-input"]
Markdown(f"""**What we found.**

- *On the real images* we could not come near these numbers, with two of the six backbones and stage 1
  on a few thousand of the 86,524 images: the paper's claims are untested here, not refuted. With the box
  head in pixels: {start.on_real(pixels)}
- *Before that* our box head counted in units of the image's side, a choice the paper does not make and
  under which it may die (see {{doc}}`losses`), so that part of these results is ours:
  {start.on_real(relative)}
- *On drawn radiographs*, trained for minutes: {start.on_phantom(phantom)}
- *In print*: {start.in_print()} See {{doc}}`audit`.""")

# %% tags=["remove-input"] mystnb={"image": {"alt": "Mean IoU accuracy against the threshold T: the paper's printed CLN series lie high and fall slowly; our runs on real images lie in or below the grey band of the box that never sees the image; radiologists among themselves, dotted, lie above all up to T = 0.6."}}
import matplotlib.pyplot as plt

from clnbook import names, style, thresholds

plt.rcParams.update(style.rc())
figure, axes = plt.subplots(figsize=(3.5, 3.2), layout="constrained")
_ = thresholds.draw(thresholds.curves(names.paper_runs(pixels)), axes)

# %% [markdown]
# *Mean IoU accuracy on the real images: the share of boxes whose overlap with the expert's (IoU) is
# above T. Thick: the run of each backbone nearest the paper's recipe, split by patients, not its best.
# Dash-dotted: the box that never sees the image, on the same test images. Dotted: radiologists' boxes
# among themselves, on other images. Dashed: the paper's printed means, on test images of its own.*
#
# ## Run it yourself
#
# | You have | You type | You get |
# |---|---|---|
# | nothing but Python, make and git | `make book` | drawn radiographs, four trainings, this site |
# | the 880 boxed images | `papermill notebooks/train.ipynb out.ipynb -p dataset nih880 -p weights imagenet` | one run without stage 1 |
# | more NIH images and the two official lists | `make study STUDY=nih880-pilot` | the pilot anew, stage 1 on all you have |
# | all 112,120 images and a cluster | `make study STUDY=cln-grid PROFILE=slurm` | the paper's full grid |
#
# Real images are found by `export CLN_NIH_DIR=<folder>`. {doc}`use/howto` says how to train, test and apply the model on boxes of your own.
# **Research software, not for clinical use.**
