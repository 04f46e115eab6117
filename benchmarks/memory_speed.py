"""What a training step gains where freed memory is kept (`clnlib.model.session.keep_memory`).

    python benchmarks/memory_speed.py [mobilenetv3small [80]]

The same steps in processes of their own, with and without in turns; the faster of two each.
"""

import argparse
import os
import subprocess
import sys
import time

BATCH, STEPS, TURNS = 16, 10, 2


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("backbone", nargs="?", default="mobilenetv3small")
    words.add_argument("image_size", nargs="?", type=int, default=80)
    words.add_argument("--only", choices=("keep", "give back"), help="one process: its seconds")
    given = words.parse_args()
    if given.only:
        print(seconds(given.backbone, given.image_size, given.only == "keep"))
        return
    times: dict[str, list[float]] = {"give back": [], "keep": []}
    for _ in range(TURNS):
        for how, found in times.items():
            one = [sys.executable, __file__, given.backbone, str(given.image_size), "--only", how]
            found.append(float(subprocess.run(one, stdout=subprocess.PIPE, check=True).stdout))
    back, keep = (min(found) for found in times.values())
    print(
        f"{given.backbone}, {given.image_size} pixels, batch {BATCH}: {back:.3f} s a step, "
        f"{keep:.3f} s with memory kept, ratio {keep / back:.2f}"
    )


def seconds(backbone: str, size: int, keep: bool) -> float:
    """Mean seconds of a training step after the first ones, on one thread."""
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    import numpy as np

    from clnlib.data.feed import Examples, Feed
    from clnlib.model import network, session
    from clnlib.model.losses import compile_cln

    session.begin(0)
    if keep:
        session.keep_memory()
    mean = [0.3, 0.3, 0.6, 0.6]
    model = network.build_cln(backbone, size)
    network.start_at(model, mean)
    network.set_bn_momentum(model, 0.9)
    compile_cln(model, 0.4)
    number = BATCH * STEPS
    images = np.random.default_rng(0).integers(0, 256, (number, size, size), np.uint8)
    findings = np.eye(8, dtype=np.float32)[np.arange(number) % 8]
    targets = {"finding": findings, "box": np.tile(np.float32(mean), (number, 1))}
    feed = Feed(Examples(images, np.arange(number), targets), BATCH)
    model.fit(feed, shuffle=False, verbose=0)
    start = time.perf_counter()
    for _ in range(2):
        model.fit(feed, shuffle=False, verbose=0)
    return (time.perf_counter() - start) / (2 * STEPS)


if __name__ == "__main__":
    main()
