# %% [markdown]
# # Grad-CAM: Section 3.4.3, Figures 5 and 6
#
# A network that only names findings can still be asked where it looks: Grad-CAM weighs the last
# feature map by the gradient of the finding's score, and a box is drawn around the largest group
# of pixels above a threshold (127 and 180 of 255 in the paper). The paper sets such boxes beside
# those of the box head, for the same network.
#
# Added here: rules for the threshold that favour Grad-CAM (Otsu's, one tuned on validation, and for
# each image the best of a grid with the true box in hand), the blind box that never sees the image,
# and a check that the maps depend on what was learnt.
#
# Heat maps of the true finding are told the class, as weakly supervised localisation is evaluated.
# One run per backbone: that nearest to the paper's λ and recipe. Heat maps need a run's
# weights and images; their boxes are then kept with the record, so a published record needs
# neither.

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
from IPython.display import Markdown, display

from clnbook import gradcam, images, names, style, thresholds
from clnlib import runs as records
from clnbook import heatmaps
from clnlib.metrics import localisation as metrics

found = records.study(parameters.study, parameters.runs)
shown_runs = names.paper_runs(found)
chosen = dict(zip(names.labels(shown_runs, found), shown_runs, strict=True))
print(f"study {parameters.study}: {len(found)} finished runs, shown: {', '.join(chosen)}")

# %% [markdown]
# ## Heat maps and their boxes
#
# Made once per run and kept with its record. A heat map is as coarse as the backbone's last layer,
# a cell for every 32 pixels or so. Small images may leave **a single cell: such a map is the same
# everywhere, it points nowhere, and no threshold can draw a box from it.** That says nothing about
# the network; the run then keeps its box head and the blind box below, and no heat maps. Larger
# images (`image_size`) give it more cells.

# %% tags=["nbval-ignore-output"]
from clnlib.errors import InputError

boxes, models = {}, {}
for name, run in chosen.items():
    if records.attached(run, "gradcam") is None and run.weights.exists():
        from clnbook.cams import TARGETS, of_run, randomisation
        from clnlib.model.predict import load_model

        try:
            models[name] = load_model(run)
            asked = run.predictions[run.predictions["part"] != "train"]
            pixels, maps = of_run(run, asked, TARGETS[:3], models[name])
            made = heatmaps.predictions(asked, maps, pixels.shape[1])
            if gradcam.has_places(made):
                sanity = randomisation(run, asked[:32], model=models[name])
                records.attach(run, "gradcam_randomisation", sanity)
            records.attach(run, "gradcam", made)
        except InputError as error:
            print(f"{name}: {error}")
    boxes[name] = records.attached(run, "gradcam")
    if boxes[name] is None:
        print(f"{name}: no heat maps in this record, and no weights or images to make them from")
boxes = {name: frame for name, frame in boxes.items() if frame is not None}
placed = {name: frame for name, frame in boxes.items() if gradcam.has_places(frame)}
if boxes:
    sizes = {name: chosen[name].parameters.image_size for name in boxes}
    display(gradcam.resolution(boxes, sizes))

# %% [markdown]
# ## Figure 5: IoU accuracy against T
#
# The paper gives numbers at T = 0.1 alone. A heat map without any positive value selects nothing
# and counts as a miss; the table further down says how often.

# %% mystnb={"image": {"alt": "IoU accuracy on the test part against T, a plot per run: its box head, boxes from its heat maps by five threshold rules, the blind box in grey, and the paper's three numbers at T = 0.1."}}
import matplotlib.pyplot as plt

plt.rcParams.update(style.rc(found[0].findings))
for name, frame in boxes.items():
    curves = gradcam.curves(chosen[name], frame, parameters)
    display(gradcam.styled_curves(curves, name))
    figure, axes = plt.subplots(figsize=(5.5, 4.5), layout="constrained")
    axes.set_title(name if name in placed else f"{name}: heat maps of one cell, left out")
    thresholds.draw(curves, axes)
    plt.show()
    display(Markdown(f"{name}: {gradcam.told(curves)}"))

# %% [markdown]
# ## Where the maps point, and whether the box head agrees
#
# The maps of the box head's overlap with the true box show where that head looks. *Pointing* is the
# share of maps whose maximum lies in the true box; the caption says what a point anywhere in the
# image would hit. *Agreement* is the mean IoU with the head's box. Global average pooling lets a
# network keep a finding's place in its channels, so a good box head does not need maps that point.

# %%
for name, frame in placed.items():
    display(gradcam.styled_beside(gradcam.beside_the_head(chosen[name], frame), name))

# %% [markdown]
# ## Do the maps depend on what was learnt?
#
# Weights are shuffled from the outputs downwards (Adebayo et al., 2018): the heads, a quarter of the
# backbone's layers too, all of them. Maps that stay alike (a correlation near 1) would show the
# image, not the network.

# %%
for name in placed:
    sanity = records.attached(chosen[name], "gradcam_randomisation")
    if sanity is not None:
        display(gradcam.styled_randomisation(sanity, name))

# %% [markdown]
# ## Figure 6: examples
#
# Each finding's median test box by the head's IoU, with the heat map of the true finding and the
# box at 127. Pictures need the run's weights and images, which are not published with its record.

# %% tags=["shows-images", "nbval-ignore-output"] mystnb={"image": {"alt": "One radiograph per finding under its heat map, with the true box in green, the box head's in orange and the heat map's in blue."}}
for name in placed:
    run = chosen[name]
    test = run.part("test")
    shown = metrics.median_rows(test, run.findings)
    cam = gradcam.boxes_of(run, boxes[name], "127", "true finding").reindex(shown.index)
    shown[images.CAM_BOX] = cam[records.PREDICTED_BOX]
    try:
        from clnbook.cams import of_run

        pixels, maps = of_run(run, shown, model=models.get(name))
        heat = heatmaps.to_grey(maps["true finding"], pixels.shape[1])
        figure = gradcam.gallery(shown, pixels, heat)
        plt.show()
    except InputError as error:
        print(f"{name}: no pictures: {error}")
