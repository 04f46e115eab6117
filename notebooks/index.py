# %% [markdown]
# # Does CLN hold?
#
# *CLN: A multi-task deep neural network for chest X-ray image localisation and classification* (Okolo,
# Katsigiannis, Ramzan; Expert Systems with Applications 2025), rebuilt from its text, run, and its
# printed numbers computed again. **In print mostly yes; on images not tested yet.**
#
# ![Eight drawn radiographs, one per finding, each with its expert box in green and the box that a network trained from scratch on drawn radiographs predicts in orange](_static/gallery.png)
#
# *Drawn radiographs, no patient's: the true box green, the one the network predicts orange.*

# %% tags=["remove-input"]
from IPython.display import Markdown

from clnlib import runs
from clnbook import start
from clnbook.audit import ledger, main_findings

real = [run for study in start.REAL for run in runs.study(study)]
stage1 = [run for study in start.REAL for run in runs.study(study, stage="finetune")]
claims = ledger.compute()
Markdown(f"""- **The paper**: {start.claimed()}
- **In print** most of it holds. {main_findings.decided(claims)} The last is
  {start.about_conclusions(claims)}. See {{doc}}`the audit <audit>`.
- **On images** it is **untested, not refuted**. No run here comes near the printed numbers; but the runs are of
  two of six backbones, and {start.seen(real, stage1)}.""")

# %% tags=["remove-input"]
start.claims(real, runs.read("models/mobilenetv3small"))

# %% [markdown]
# **What would settle it**: the paper's grid on all 112,120 images, `make study STUDY=cln-grid
# PROFILE=slurm`, or seven answers that only its authors have, who have not been asked yet ({doc}`report`).
#
# {doc}`explore`: every run, box by box. {doc}`network`: drag a finding, a network boxes it. {doc}`leaderboard`:
# every run, number by number. {doc}`released`: the network of the table above. {doc}`audit`: every printed number. {doc}`use/howto`: train, test and apply the network on the NIH images or on boxes of your own.
# **Research software, not for clinical use.**

# %% tags=["remove-input"] mystnb={"image": {"alt": "Mean IoU accuracy against the threshold T: the paper's printed CLN series lie high and fall slowly; two of our runs on real images, box head in pixels, lie in or below the grey band of the box that never sees the image; radiologists among themselves, dotted, lie above all up to T = 0.6. The share of boxes whose overlap with the expert's (IoU) is above T. Thick: of each backbone the run nearest the paper's recipe (its \u03bb, patients apart, from stage 1), not its best. Dash-dotted: the box that never sees the image, on the same test images. Dotted: radiologists' boxes, on other images. Dashed: the paper's printed means, on test images of its own."}}
import matplotlib.pyplot as plt

from clnbook import names, style, thresholds

plt.rcParams.update(style.rc())
pixels = [run for run in real if run.train.box_unit == "pixels"]
figure, axes = plt.subplots(figsize=(3.5, 3.2), layout="constrained")
_ = thresholds.draw(thresholds.curves(names.paper_runs(pixels)), axes)

# %% [markdown]
# ## Run it yourself
#
# | You have | You type | You get |
# |---|---|---|
# | nothing but Python, make and git | `make book` | drawn radiographs, four trainings, this site |
# | the 880 boxed images | `papermill notebooks/train.ipynb out.ipynb -p dataset nih880 -p weights imagenet` | one run without stage 1 |
# | more NIH images and the two official lists | `make study STUDY=nih880-pilot` | the pilot anew, stage 1 on all you have |
# | all 112,120 images and a cluster | `make study STUDY=cln-grid PROFILE=slurm` | the paper's full grid |
#
# Real images are found by `export CLN_NIH_DIR=<folder>`.
