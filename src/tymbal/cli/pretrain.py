"""`tymbal pretrain`: an encoder from recordings, by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tymbal.cli.common import EXIT_OK, Json, Quiet, say, say_json


def pretrain(
    recipe: Path,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    device: str = "cpu",
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Train an encoder by a recipe, from stores of pictures or scenes; run again to go on where it was stopped.

    Make the pictures first: tymbal embed CORPUS --encoder picture -o STORE; scenes are made from their plan while
    training goes on. Under torchrun the work is shared.

    Parameters
    ----------
    recipe
        A RECIPE.toml: encoder, objective, [[sources]], [training]; paths in it are relative to its folder.
    out
        Folder of the run: encoder.safetensors, pretraining.json, and checkpoints and logs of its stages.
    device
        Where the network is: cpu, cuda, cuda:1.
    """
    from tymbal.config import load, settings_of
    from tymbal.jobs import make_progress
    from tymbal.pretraining import Recipe
    from tymbal.pretraining import pretrain as run
    from tymbal.training import from_torchrun
    from tymbal.training.device import usable_device

    device = str(usable_device(device))
    with from_torchrun() as parallel, settings_of(recipe):
        found = run(
            load(Recipe, recipe),
            out,
            base=recipe.parent,
            device=device,
            parallel=parallel,
            progress=make_progress(quiet=quiet),
        )
        if parallel.rank != 0:
            return EXIT_OK
    if json:
        say_json({"encoder": found.path, **found.summary})
    elif not quiet:
        losses = found.summary["training_loss"]
        hours = sum(source["hours"] for source in found.summary["sources"])
        say(
            f"{found.summary['parameters'] / 1e6:.2f} M parameters, {found.summary['steps']} steps on crops from "
            f"{hours:.2f} h of sound; loss {losses[0]:.4g} in the first epoch, {losses[-1]:.4g} in the last"
        )
        say(f"encoder: {found.path}; use it: tymbal embed CORPUS --encoder {found.path} -o STORE")
    return EXIT_OK
