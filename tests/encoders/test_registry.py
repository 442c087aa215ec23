"""Encoders by name, and errors that lead to the right one."""

import dataclasses

import pytest

import tymbal
from tymbal.encoders import Encoder, create_encoder, list_encoders
from tymbal.encoders.registry import ENCODERS, config_type, encoder_class
from tymbal.encoders.spectral import SpectralConfig, SpectralEncoder
from tymbal.errors import ConfigError, EncoderError


def test_names_are_sorted_and_lead_to_classes_of_that_name() -> None:
    assert "spectral" in list_encoders()
    assert list_encoders() == sorted(ENCODERS)
    for name in list_encoders():
        kind = encoder_class(name)
        assert issubclass(kind, Encoder)
        assert kind.name == name
        assert dataclasses.is_dataclass(config_type(kind))
    assert tymbal.create_encoder is create_encoder


def test_an_unknown_name_lists_near_ones() -> None:
    with pytest.raises(EncoderError, match="Did you mean 'spectral'") as error:
        create_encoder("spectrall")
    assert ", ".join(list_encoders()) in str(error.value)
    with pytest.raises(EncoderError, match="spectral"):
        create_encoder("zzz")


def test_configuration_is_checked_by_field() -> None:
    encoder = create_encoder("spectral", mel_bands=32, modulation_hz=[3.0])
    assert encoder.config == SpectralConfig(mel_bands=32, modulation_hz=(3.0,))
    with pytest.raises(ConfigError, match="mel_band'"):
        create_encoder("spectral", mel_band=32)
    with pytest.raises(ConfigError, match="hop_s"):
        create_encoder("spectral", hop_s="fast")
    with pytest.raises(ConfigError, match="even number of mel_bands"):
        create_encoder("spectral", mel_bands=33)


def test_it_comes_frozen_unless_asked() -> None:
    frozen = create_encoder("spectral")
    assert not frozen.train().training
    free = create_encoder("spectral", frozen=False)
    assert not free.training
    assert free.train().training


def test_a_constructor_without_an_annotated_config_is_refused() -> None:
    class Vague(SpectralEncoder):
        def __init__(self, config=None) -> None:  # type: ignore[no-untyped-def]
            super().__init__(config)

    with pytest.raises(EncoderError, match="Annotate it"):
        config_type(Vague)
