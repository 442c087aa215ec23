"""Training crops per CPU second: from a store, from scenes made on the fly, and what each augmentation costs.

Run: OMP_NUM_THREADS=1 .venv/bin/python perf/crops.py        (about half a minute)

Crops of 3 s in batches of 64, pictures of 96 bands, one thread. The store holds the plan's own scenes; the step of a
small transformer on the same crops stands beside them, so that one sees what waits for what.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from machine import cpu_time, probe_line
from tymbal.encoders import create_encoder
from tymbal.features import embed
from tymbal.jobs import write_text
from tymbal.pretraining import Crops, SourceConfig, create_objective, open_source
from tymbal.pretraining.augmentations import AUGMENTATIONS, create_augmentation
from tymbal.synthesis import Part, ScenePlan, plan_text, write_scenes

BATCH, FRAMES, SCENES = 64, 300, 60


def main() -> None:
    torch.set_num_threads(1)
    print("$ OMP_NUM_THREADS=1 .venv/bin/python perf/crops.py")
    print(probe_line())
    examples = torch.arange(BATCH)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plans = {"scenes of 10 s, 3 crops of each": 10.0, "scenes of 3 s, 1 crop of each": 3.0}
        for number, seconds in enumerate(plans.values()):
            plan = replace(ScenePlan(scenes=10**6), parts=(Part(duration_s=seconds),))
            write_text(folder / f"{number}.toml", plan_text(plan))
        corpus, _ = write_scenes(ScenePlan(scenes=SCENES), folder / "scenes")
        embed(corpus, create_encoder("picture"), folder / "store", workers=1)
        named = [("a store", SourceConfig("store"))]
        named += [(words, SourceConfig(plan=f"{number}.toml")) for number, words in enumerate(plans)]
        for words, config in named:
            crops = Crops([open_source(config, folder, labelled=False)], frames=FRAMES, examples=BATCH)
            seconds = cpu_time(lambda crops=crops: crops.batch(examples), repeat=5)
            print(f"{words}: {BATCH / seconds:.0f} crops per CPU second")
        batch = crops.batch(examples)
    objective = create_objective("autoencoding", create_encoder("meltransformer", frozen=False)).train()
    seconds = cpu_time(lambda: objective.loss(batch).backward(), repeat=3)
    print(f"a step of autoencoding with meltransformer: {BATCH / seconds:.0f} crops per CPU second")
    for kind in AUGMENTATIONS:
        if kind != "masked_branch":  # it alters the loss: two more passes of the network
            augmentation = create_augmentation(kind)
            seconds = cpu_time(lambda each=augmentation: each(batch), repeat=5)
            print(f"{kind}: {1000 * seconds / BATCH:.2f} ms of CPU per crop")


if __name__ == "__main__":
    main()
