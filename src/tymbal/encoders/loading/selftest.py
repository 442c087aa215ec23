"""Reference outputs stored with a checkpoint, and the check that a loaded encoder gives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from tymbal.encoders.contract import Encoder, LayerOutput
from tymbal.errors import EncoderError

PREFIX = "selftest."
SUFFIX = ".selftest.safetensors"
RATE = "sample_rate_hz"  # tensor with the rate of the waveform: encoders of any rate are bound to it
TOLERANCE = 1e-3  # of a layer's largest value: other machines sum in other orders


def selftest_path(path: str | Path) -> Path:
    """Where the reference outputs of a checkpoint stand when they are not in it."""
    path = Path(path)
    return path.with_name(path.name.removesuffix(path.suffix) + SUFFIX)


def write_selftest(encoder: Encoder, path: str | Path, waveform: Tensor) -> Path:
    """Store `encoder`'s outputs for `waveform` (batch, samples) beside the checkpoint `path`; gives the file.

    An encoder of any rate must be bound to one (`at_rate`), which is stored too.
    """
    from safetensors.torch import save

    from tymbal.jobs.atomic import write_bytes

    with torch.no_grad():
        outputs = encoder(waveform)
    tensors = {f"{PREFIX}{name}": output.values.cpu().contiguous() for name, output in outputs.items()}
    tensors[f"{PREFIX}waveform"] = waveform.cpu().contiguous()
    tensors[f"{PREFIX}{RATE}"] = torch.tensor(encoder.sample_rate)
    target = selftest_path(path)
    write_bytes(target, save(tensors))
    return target


def stored_selftest(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Reference outputs by layer, and `waveform`, from the checkpoint or the file beside it; empty where none are."""
    inside = {key.removeprefix(PREFIX): value for key, value in tensors.items() if key.startswith(PREFIX)}
    if inside or not selftest_path(path).is_file():
        return inside
    from tymbal.encoders.loading.container import read_container

    beside = read_container(selftest_path(path)).tensors
    return {key.removeprefix(PREFIX): value for key, value in beside.items()}


def run_selftest(encoder: Encoder, stored: Mapping[str, Tensor], *, where: object, exact: bool = False) -> str:
    """Compare `encoder` with its reference outputs; one sentence on the result.

    Raises EncoderError, naming the layer, where one differs by more than `TOLERANCE` of its largest value; where
    `exact`, for layers of other names or shapes too: elsewhere these mean other settings than it was stored with.
    """
    if "waveform" not in stored:
        raise EncoderError("reference outputs without a waveform", where=where, allowed=f"a tensor {PREFIX}waveform")
    training = encoder.training
    if RATE in stored:
        encoder = encoder.at_rate(int(stored[RATE]))
    encoder.eval()
    with torch.no_grad():
        outputs = encoder(stored["waveform"].float())
    encoder.train(training)
    worst = 0.0
    order = [name for name in outputs if name in stored or exact] + [name for name in stored if name not in outputs]
    for name in order:
        if name in ("waveform", RATE):
            continue
        expected = stored.get(name)
        if expected is None or name not in outputs or outputs[name].values.shape != expected.shape:
            if exact:
                raise EncoderError(
                    f"self-test failed: layer {name!r} is {_size(outputs.get(name))}, in the reference outputs "
                    f"{'missing' if expected is None else tuple(expected.shape)}",
                    where=where,
                    mend="The reference outputs are another encoder's, or were altered; get them again.",
                )
            return f"not run: stored for other settings than these (layer {name!r})"
        scale = float(expected.abs().max()) or 1.0  # all zeros: absolute
        difference = float((outputs[name].values - expected).abs().max()) / scale
        if not difference <= TOLERANCE:
            raise EncoderError(
                f"self-test failed: layer {name!r} differs from the stored output by {difference:.2g} of its range",
                where=where,
                allowed=f"{TOLERANCE:g}",
                mend="The front end settings (rate, mean, std) or the weights are not those it was stored with.",
            )
        worst = max(worst, difference)
    return f"passed, largest difference {worst:.1g} of a layer's range"


def _size(output: LayerOutput | None) -> object:
    return "missing" if output is None else tuple(output.values.shape)
