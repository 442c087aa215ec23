"""How well networks rank the frames of held-out scenes: average precision, and paired differences between networks.

Run: OMP_NUM_THREADS=1 .venv/bin/python docs/studies/fewshot_frames.py WORK MODEL ... [--scenes 300]
Cheap beside F1 of boxes, so that many networks can be told apart; needs models that `tymbal fewshot train` wrote. WORK
gets the scenes and each network's answers. Pairs differ in one thing: size, number of scenes, or a part left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import torch

from fewshot_network import gap
from tymbal.fewshot.network.files import load_network
from tymbal.fewshot.network.losses import Validation
from tymbal.fewshot.network.scenes import SceneSettings
from tymbal.fewshot.network.store import ExampleStore
from tymbal.training import read_tensors

SEED = 505  # of scenes that no network was trained or chosen on


def pairs(names: list[str], abouts: dict[str, dict]) -> Iterator[tuple[str, str]]:
    """Of networks called SIZE-SCENES[-without-PART], those that differ in one thing, the lesser one second."""

    def told(name: str) -> tuple[object, ...]:
        about = abouts[name]
        return about["size"], about["scenes"], tuple(about["settings"]["without"])

    for one, other in combinations(names, 2):
        differ = [first != second for first, second in zip(told(one), told(other), strict=True)]
        if sum(differ) == 1 and (differ[2] or not (told(one)[2] or told(other)[2])):
            if differ[2] and told(one)[2] and told(other)[2]:
                continue
            yield (one, other) if differ[2] and told(other)[2] else (other, one)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work", type=Path)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--scenes", type=int, default=300)
    given = parser.parse_args()
    torch.set_num_threads(1)
    store = ExampleStore(given.work / "scenes", SceneSettings(seed=SEED, ramp=0), given.scenes)
    store.make()
    examples = [example for shard in range(store.shards) for example in store.load(shard)]
    validation = Validation(examples, torch.device("cpu"))
    before = validation.by_scene(None)[0]
    print(
        f"{len(before)} scenes of seed {SEED} with a call; the curves alone, which is a network before training: "
        f"{before.mean():.3f}"
    )
    abouts, found = {}, {}
    for model in sorted(given.models, key=lambda each: read_tensors(each, mend="Train it.")[1]["about"]["scenes"]):
        abouts[model.stem] = read_tensors(model, mend="Train it.")[1]["about"]
        kept = given.work / f"frames-{SEED}" / f"{model.stem}-{len(examples)}.npy"
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            network = load_network(model)
            network.eval()
            np.save(kept, validation.by_scene(network)[1])
        found[model.stem] = np.load(kept)
        print(
            f"{model.stem}: {found[model.stem].mean():.3f}, less the curves {gap(found[model.stem], before)}",
            flush=True,
        )
    for one, other in pairs(list(found), abouts):
        print(f"{one} less {other}: {gap(found[one], found[other])}")


if __name__ == "__main__":
    main()
