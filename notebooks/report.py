# %% [markdown]
# # Reproducibility report
#
# In the form of the ML Reproducibility Challenge: what was asked, done and found, what was easy and
# hard, and what would settle the rest.
#
# ## Scope

# %% tags=["remove-input"]
from IPython.display import Markdown

from clnlib import runs
from clnbook import start

phantom = runs.study("phantom")
real = [run for study in start.REAL for run in runs.study(study)]
stage1 = [run for study in start.REAL for run in runs.study(study, stage="finetune")]
pixels, relative = ([r for r in real if r.train.box_unit == u] for u in ("pixels", "relative"))
Markdown(f"""{start.claimed()} Two questions: does the paper's print support that, and do networks built
from its text behave so?""")

# %% [markdown]
# ## Method
#
# **Print.** Every numeric or logical statement of the paper was held against its own tables and public
# data ({doc}`audit`, {doc}`ledger`). No image is needed for that.
#
# **Networks.** Both training stages are rebuilt from the text ({doc}`method`), with the losses of its
# equations ({doc}`losses`); Table 3's parameter counts come out, EfficientNetB4's to within seven weights
# ({doc}`complexity`). What the text leaves open is a parameter with a declared choice. Beside every
# localisation number stand boxes that see less than a network, with differences paired over patients.
#
# **Images.** The 880 boxed radiographs, split by patients, and a part of those of stage 1; and radiographs
# drawn around the same boxes, where a small network learns from scratch in minutes.

# %% tags=["remove-input"]
augmented = sum(run.train.augment for run in real)
other = sum(run.train.loss != "iou" for run in real)
Markdown(f"""The runs on real images are of two of the paper's six backbones, and {start.seen(real, stage1)}.
{augmented} of them had augmentation and a smaller rate, {other} another box loss. MobileNetV3Small started from a
stand-in for the ImageNet weights ({{doc}}`method`). Every run of its own is in {{doc}}`the leaderboard <leaderboard>`.""")

# %% [markdown]
# ## Results

# %% tags=["remove-input"]
from clnbook import changes, folds

changed = changes.table(changes.settings(runs.study("nih880-study")))
out_of_fold = folds.complete(runs.study("nih880-folds"))
Markdown(f"""- **In print**: {start.in_print()}
- **On the real images**, with the box head in pixels: {start.on_real(pixels)}
- **Before that** our box head counted in units of the image's side, a choice the paper does not make and
  under which it may die ({{doc}}`losses`). Stage 1 and rates differ, too, so that the two groups compare nothing
  else: {start.on_real(relative)}
- **One change at a time**, MobileNetV3Small at 128 pixels, three seeds a setting ({{doc}}`results/nih880-study/changes`):
  {changes.told(changed)}
- **Every box once**, by five folds ({{doc}}`results/nih880-folds/folds`): {"; ".join(folds.told(out_of_fold))}
- **On drawn radiographs**, trained for minutes: {start.on_phantom(phantom)}""")

# %% [markdown]
# So the paper's claims about images are **untested here, not refuted**: no run has stage 1 on all listed
# images, four of the six backbones have no run, and most runs have fewer pixels or another rate than the paper.
# What the runs do show is which of the choices that the text leaves open move the findings and the boxes, and
# that some decide whether a box head learns at all.
#
# ## What was easy
#
# The text names data, backbones, heads, loss, optimiser, schedule and λ. Table 3 decides how features are
# pooled. The boxes are public, and the printed means allow their cells to be checked.
#
# ## What was hard
#
# The unit of the box head, the epoch kept, and the images on which λ was chosen are not in the text; the
# first two decide here whether a box head learns, and what ({doc}`losses`). The loss 1 − IoU has no gradient
# where two boxes do not touch: our network does not learn even sixteen real images by heart with it, and does
# with GIoU. How training comes past that, from which first boxes, is not in the text either. Eight findings and a fifth of 984 boxes leave wide intervals.
# A text conversion damaged a part of Table 1. Stage 1 needs 112,120 images, of which few were at hand.
#
# ## Contact with the authors
#
# None yet; their code was not at hand. Replies are printed on the page {doc}`audit`.
#
# ## What would settle it
#
# The paper's grid on all images, `make study STUDY=cln-grid PROFILE=slurm`, which has not been run. Or
# seven answers: in which unit do the four box outputs count, and at which box do they start; which epoch's weights are kept in stage 2; does
# "halved every 4 epochs" mean always or without progress; on which images was λ chosen; how were the
# 880 images split where one has several findings; and is a box compared by true or by predicted finding?
