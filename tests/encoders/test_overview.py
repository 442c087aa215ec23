from __future__ import annotations

import math

import pytest
from tests.write_encoder_table import PAGE, with_table

from tymbal.encoders.overview import layer_table, overview


def test_the_page_holds_the_table_that_the_code_gives() -> None:
    pytest.importorskip("transformers", reason="the transformers extra is not installed: its encoders are in the table")
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "run: .venv/bin/python tests/write_encoder_table.py"


def test_layers_on_one_grid_stand_together() -> None:
    found = overview("beats")
    assert found is not None
    assert found.parameters == pytest.approx(90.3e6, rel=1e-3)
    assert [(group.first, group.last, group.count) for group in found.groups] == [
        ("embedding", "embedding", 1),
        ("block0", "block11", 12),
    ]
    assert found.groups[0].receptive_s == pytest.approx((0.175, 0.175))
    assert math.isinf(found.groups[1].receptive_s[1])
    assert found.groups[1].frames_per_s == pytest.approx(6.25)


def test_sizes_that_vary_are_given_from_smallest_to_largest() -> None:
    found = overview("cnn14")
    assert found is not None
    last = found.groups[-1]
    assert (last.first, last.last, last.dims, last.bands) == ("block5", "block6", (1024, 2048), (2, 2))
    assert last.receptive_s[0] < last.receptive_s[1]


def test_an_encoder_of_any_rate_says_so() -> None:
    found = overview("spectral")
    assert found is not None
    assert found.sample_rate_hz is None
    assert found.parameters == 0


def test_the_table_has_every_encoder_once() -> None:
    pytest.importorskip("transformers")
    first = [line.split("|")[1].strip() for line in layer_table().splitlines()[2:]]
    named = [name.strip("`") for name in first if name]
    assert named == sorted(set(named))
    assert {"ast", "beats", "birdmae", "cnn14", "eat", "efficientnet", "hubert", "spectral", "wavlm"} <= set(named)
