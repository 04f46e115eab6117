"""A training step as the product takes it (Keras) against the same network in PyTorch.

    pip install torch timm
    python benchmarks/step_speed.py [--backbones xception …] [--precisions float32 …] [--rounds 2]

Batches of 16 grey images of 224 pixels, both heads, the paper's loss, Adam, nothing pretrained.
PyTorch: timm's network of the same name, channels_last, on a GPU compiled; half precision is
autocast. Every measurement is a process of its own, the ways take turns, and the fastest of the
rounds counts. `Keras, any order` is `deterministic` False: on a processor that changes nothing.
`of peak` is the share of the machine's peak: the time that the step's operations would take at the
speed of a wide convolution, measured in the same run, to the time that the step takes.
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from clnlib.parameters import BACKBONES

BATCH, SIDE, LAM = 16, 224, 0.4
TIMM = {
    "resnet50v2": "resnetv2_50",
    "mobilenetv3small": "mobilenetv3_small_100",
    "efficientnetb4": "efficientnet_b4",
    "inceptionv3": "inception_v3",
    "xception": "legacy_xception",
    "chexnet": "densenet121",
}
KERAS, ANY_ORDER, TORCH, PEAK = "Keras", "Keras, any order", "PyTorch", "peak"


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    words.add_argument("--backbones", nargs="+", default=BACKBONES, choices=BACKBONES)
    words.add_argument("--precisions", nargs="+", default=["float32", "mixed_bfloat16"])
    words.add_argument("--ways", nargs="+", default=[KERAS, TORCH], choices=[*WAYS])
    words.add_argument("--rounds", type=int, default=2)
    words.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.one:
        way, *each = given.one
        print(json.dumps(at_peak(*each) if way == PEAK else timed_way(way, *each)))
        return
    lines = {}
    for backbone, precision in itertools.product(given.backbones, given.precisions):
        told: dict[str, list[tuple[float, int]]] = {way: [] for way in [PEAK, *given.ways]}
        for _, way in itertools.product(range(given.rounds), told):
            again = [sys.executable, __file__, "--one", way, backbone, precision]
            done = subprocess.run(again, check=True, capture_output=True, text=True)
            told[way].append(json.loads(done.stdout.splitlines()[-1]))
        line = {f"{way}, ms": 1000 * min(told[way])[0] for way in given.ways}
        line |= {
            f"{way} / {KERAS}": min(told[way])[0] / min(told[KERAS])[0] for way in given.ways[1:]
        }
        line |= {f"{way}, of peak": min(told[PEAK])[0] / min(told[way])[0] for way in given.ways}
        line |= {f"{way}, weights": str(min(told[way])[1]) for way in given.ways}
        lines[backbone, precision] = line
        print(backbone, precision, line, file=sys.stderr, flush=True)
    print(pd.DataFrame(lines).T.to_string(float_format="{:.2f}".format))


def batch() -> tuple[Any, Any, Any]:
    """Images (B, S, S, 1) uint8, findings (B, 8) one-hot, boxes (B, 4) of the side."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH, SIDE, SIDE, 1), dtype=np.uint8)
    low, high = np.sort(rng.random((2, BATCH, 2)), axis=0)
    findings = np.eye(8, dtype=np.float32)[rng.integers(0, 8, BATCH)]
    return images, findings, np.hstack([low, high]).astype(np.float32)


Steps = Callable[[int], object]
"""Trains so many steps."""


def timed(steps: Steps) -> float:
    """Seconds of a step, after a first one that compiles, over about ten seconds."""
    steps(2)
    start = time.perf_counter()
    steps(3)
    number = int(np.clip(10 / ((time.perf_counter() - start) / 3), 5, 200))
    start = time.perf_counter()
    steps(number)
    return (time.perf_counter() - start) / number


def timed_way(way: str, backbone: str, precision: str) -> tuple[float, int]:
    """Seconds of a step, and how many weights it trains."""
    steps, weights = WAYS[way](backbone, precision)
    return timed(steps), weights


def keras_steps(backbone: str, precision: str, deterministic: bool = True) -> tuple[Steps, int]:
    """Training steps as the product takes them, and how many weights they train."""
    from clnlib.data.feed import Examples, Feed
    from clnlib.model import network, session
    from clnlib.model.losses import compile_cln

    session.begin(0, precision, deterministic)
    session.keep_memory()
    images, findings, boxes = batch()
    targets = {"finding": findings, "box": boxes}
    model = network.build_cln(backbone, SIDE)
    compile_cln(model, LAM)

    def steps(number: int) -> None:
        rows = np.tile(np.arange(BATCH), number)
        each = Examples(images[..., 0], rows, {k: v[rows] for k, v in targets.items()})
        model.fit(Feed(each, BATCH), shuffle=False, verbose=0)

    return steps, sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def torch_steps(backbone: str, precision: str) -> tuple[Steps, int]:
    """The same of PyTorch."""
    import timm
    import torch
    from torch import nn

    device = torch_device()
    body = timm.create_model(TIMM[backbone], num_classes=0)
    wide = body.forward_features(torch.zeros(2, 3, 96, 96)).shape[1]
    widths = [wide, 512, 256, 128, 4]
    layers = [(nn.Linear(*pair), nn.ReLU()) for pair in itertools.pairwise(widths)]
    finding, box = nn.Linear(wide, 8), nn.Sequential(*itertools.chain(*layers))
    parts = nn.ModuleList([body, finding, box]).to(device, memory_format=torch.channels_last)
    adam = torch.optim.Adam(parts.parameters())
    pixels, findings, boxes = (torch.from_numpy(each).to(device) for each in batch())

    def loss() -> Any:
        seen = (pixels.permute(0, 3, 1, 2).float() / 127.5 - 1).expand(-1, 3, -1, -1)
        with torch.autocast(device, torch.bfloat16, enabled=precision != "float32"):
            features = body.forward_features(seen).mean((2, 3))
            told, where = finding(features).float(), box(features).float()
        entropy = nn.functional.cross_entropy(told, findings)
        low, high = torch.maximum(where, boxes)[:, :2], torch.minimum(where, boxes)[:, 2:]
        shared = (high - low).clamp(min=0).prod(1)
        areas = [(each[:, 2:] - each[:, :2]).clamp(min=0).prod(1) for each in (where, boxes)]
        overlap = shared / (sum(areas) - shared).clamp(min=1e-7)
        return LAM * entropy + (1 - LAM) * (1 - overlap).mean()

    told = torch.compile(loss) if device == "cuda" else loss

    def steps(number: int) -> None:
        for _ in range(number):
            adam.zero_grad(set_to_none=True)
            value = told()
            value.backward()
            adam.step()
        value.item()  # waits for the device

    steps(1)  # a head that timm leaves in gets no gradient
    return steps, sum(each.numel() for each in parts.parameters() if each.grad is not None)


def torch_device() -> str:
    """The kind of device that PyTorch finds, with TF32 and its search for fast kernels allowed."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.benchmark = True
    return "cuda" if torch.cuda.is_available() else "cpu"


def at_peak(backbone: str, precision: str) -> tuple[float, int]:
    """Seconds of a step's operations at the speed of a wide convolution, and how many they are."""
    import torch

    from clnbook.audit.network import BASES
    from clnlib.model import backbones

    wide, side = 1024, 28
    of = {"device": torch_device(), "dtype": getattr(torch, precision.removeprefix("mixed_"))}
    convolution = torch.nn.Conv2d(wide, wide, 3, padding=1, bias=False, **of)
    convolution.to(memory_format=torch.channels_last)
    maps = torch.rand(BATCH, wide, side, side, **of).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def steps(number: int) -> None:
        for _ in range(number):
            out = convolution(maps)
        out[0, 0, 0, 0].item()  # waits for the device

    # the way back has two operations for each of the way there
    number = int(3 * BATCH * 1e9 * BASES[f"CLN-{backbones.get(backbone).title}"].gflops)
    return timed(steps) * number / (2 * BATCH * (side * 3 * wide) ** 2), number


WAYS: dict[str, Callable[[str, str], tuple[Steps, int]]] = {
    KERAS: keras_steps,
    ANY_ORDER: lambda *given: keras_steps(*given, deterministic=False),
    TORCH: torch_steps,
}


if __name__ == "__main__":
    main()
