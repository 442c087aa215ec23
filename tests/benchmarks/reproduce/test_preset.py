"""The study's preset against what the paper states, and its sets."""

from __future__ import annotations

import pytest
import torch

from tymbal.benchmarks.reproduce import TASKS, family_of, paper_config, study_sets
from tymbal.errors import UsageError
from tymbal.probes.fitting import ProbeModule
from tymbal.probes.heads import get_head
from tymbal.training import derive_seed


@pytest.mark.parametrize(
    ("head", "dims", "parameters"),
    [
        # counted by hand from the paper's design with 49 classes: (D + 1) C; 4 D^2 + 4 D + 2 D + (D + 1) C;
        # a narrower layer is projected, a softmax weight for each layer
        ("linear", (768,), 769 * 49),
        ("self_attention", (768,), 4 * 768**2 + 4 * 768 + 2 * 768 + 769 * 49),
        ("self_attention", (768,) * 13, 4 * 768**2 + 4 * 768 + 2 * 768 + 769 * 49 + 13),
        ("linear", (16, 24), 25 * 49 + 17 * 24 + 2),
    ],
)
def test_probes_are_as_large_as_the_papers(head: str, dims: tuple[int, ...], parameters: int) -> None:
    layers = [f"l{number}" for number in range(len(dims))]
    config = paper_config().candidates(False, layers)[f"{head}-all" if len(dims) > 1 else f"{head}-last"]
    module = ProbeModule(dims, 49, get_head(head), config)  # type: ignore[arg-type]
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters


def test_layers_begin_even_and_nothing_is_standardised() -> None:
    config = paper_config().candidates(False, ["a", "b"])["linear-all"]
    torch.manual_seed(derive_seed("test", 0))
    module = ProbeModule((4, 4), 3, get_head("linear"), config).eval()  # type: ignore[arg-type]
    values = torch.randn(2, 8)
    expected = module.head.classifier((values[:, :4] + values[:, 4:]) / 2)
    assert torch.allclose(module(values), expected)
    assert not module.fusion.standardises


def test_training_is_the_papers() -> None:
    candidates = paper_config().candidates(True, ["a", "b"])
    assert list(candidates) == ["linear-last", "linear-all", "self_attention-last", "self_attention-all"]
    for config in candidates.values():
        training = config.training
        assert (training.epochs, training.batch_size, training.learning_rate) == (50, 32, 1e-4)
        assert (training.weight_decay, training.warmup_epochs, training.final_fraction) == (0.01, 5.0, 0.01)
        assert (training.clip, training.patience, training.seed) == (1.0, None, 42)
        assert config.statistics == ("mean",)
    assert candidates["self_attention-all"].options == {"heads": 8, "dropout": 0.3}
    assert paper_config(epochs=2, frames=4).probe.training.epochs == 2


def test_sets_are_chosen_by_name_or_family() -> None:
    assert [len(sets) for sets in TASKS.values()] == [11, 7]
    assert all(len(each.metrics) == 1 for each in study_sets())
    assert [each.name for each in study_sets(["birdset", "esc50"])][:2] == ["esc50", "POW"]
    assert family_of(study_sets(["POW"])[0]) == "birdset"
    with pytest.raises(UsageError, match="Did you mean 'esc50'"):
        study_sets(["esc5"])
