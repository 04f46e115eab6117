"""Draw a small COCO data set of phantoms: pictures to predict on, boxes of "your own" to train on.

    python scripts/draw_phantoms.py FOLDER [--images 30] [--size 256]

Writes FOLDER/images/*.png and FOLDER/annotations.json with three categories.
"""

import argparse
from pathlib import Path

from PIL import Image

from clnlib.data import nih, phantom
from clnlib.io import write_atomically, write_json
from clnlib.parameters import Prepare

CONTRAST = Prepare().phantom_contrast  # as `train` draws them
CATEGORIES = {"Cardiomegaly": "wide heart", "Mass": "lump", "Pneumothorax": "collapsed lung"}


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("folder", type=Path)
    words.add_argument("--images", type=int, default=30)
    words.add_argument("--size", type=int, default=256)
    given = words.parse_args()
    boxes = nih.load_boxes()
    boxes = boxes[~boxes["image"].duplicated(keep=False) & boxes["finding"].isin(list(CATEGORIES))]
    turn = boxes.groupby("finding").cumcount()
    chosen = boxes.assign(turn=turn).sort_values(["turn", "finding"]).head(given.images)
    names = {finding: k for k, finding in enumerate(CATEGORIES)}
    coco: dict[str, list[dict[str, object]]] = {"images": [], "annotations": []}
    for k, row in enumerate(chosen.itertuples()):
        box = (row.x1, row.y1, row.x2, row.y2)
        pixels = phantom.draw(row.image, [(row.finding, box)], given.size, CONTRAST)
        target = given.folder / "images" / f"drawn_{row.image}"
        write_atomically(target, Image.fromarray(pixels).save)
        coco["images"].append(
            {
                "id": k,
                "file_name": target.name,
                "width": given.size,
                "height": given.size,
                "patient": row.patient,
            }
        )
        x, y, width, height = (
            float(v) * given.size for v in (row.x1, row.y1, row.x2 - row.x1, row.y2 - row.y1)
        )
        coco["annotations"].append(
            {
                "id": k,
                "image_id": k,
                "category_id": names[row.finding],
                "bbox": [x, y, width, height],
                "iscrowd": 0,
            }
        )
    coco["categories"] = [{"id": k, "name": name} for k, name in enumerate(CATEGORIES.values())]
    write_json(given.folder / "annotations.json", coco)
    print(f"{len(chosen)} images, {given.folder / 'annotations.json'}")


if __name__ == "__main__":
    main()
