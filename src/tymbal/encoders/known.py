"""Published checkpoints that Tymbal knows by name: what each is, where it lives, and under which licence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class KnownCheckpoint:
    """One published file of weights.

    `encoder` and `config` build the architecture; `size_mb` is the size to expect (parameters × 4 bytes, rounded)
    where the publisher states none. `sha256` is checked where the publisher states it, empty otherwise. `shipped`: its
    file is a folder of this package.
    """

    name: str
    encoder: str
    file: str
    licence: str
    size_mb: int
    repository: str = ""  # hub repository, owner/name; empty: not on the hub
    page: str = ""  # where a person finds it
    labels: str = ""  # label file beside the weights
    sha256: str = ""
    config: Mapping[str, object] = field(default_factory=dict)
    shipped: bool = False

    @property
    def where(self) -> str:
        """Where it comes from, in words."""
        if self.shipped:
            return "comes with Tymbal"
        return f"hf:{self.repository}" if self.repository else self.page


AVES2 = "CC-BY-NC-SA"
EAT_AVES2 = {"fbank_mean": -5.553, "fbank_std": 4.606}


def _aves2(short: str, encoder: str, size_mb: int, **config: object) -> KnownCheckpoint:
    name = f"esp-aves2-{short}"
    repository = f"EarthSpeciesProject/{name}"
    return KnownCheckpoint(
        name, encoder, f"{name}.safetensors", AVES2, size_mb, repository, labels="label_map.json", config=config
    )


KNOWN: tuple[KnownCheckpoint, ...] = (
    KnownCheckpoint("tymbal-small", "melcnn", "tymbal-small", "Apache-2.0", 1, shipped=True),
    _aves2("sl-beats-all", "beats", 361),
    _aves2("sl-beats-bio", "beats", 361),
    _aves2("naturelm-audio-v1-beats", "beats", 361),
    _aves2("eat-all", "eat", 342, **EAT_AVES2),
    _aves2("eat-bio", "eat", 342, **EAT_AVES2),
    _aves2("sl-eat-all-ssl-all", "eat", 342, **EAT_AVES2),
    _aves2("sl-eat-bio-ssl-all", "eat", 342, **EAT_AVES2),
    _aves2("effnetb0-all", "efficientnet", 16, variant="b0"),
    _aves2("effnetb0-bio", "efficientnet", 16, variant="b0"),
    _aves2("effnetb0-audioset", "efficientnet", 16, variant="b0"),
    KnownCheckpoint(
        "birdaves-biox-base",
        "hubert",
        "birdaves-biox-base.torchaudio.pt",
        "MIT (code); weights as the publisher states",
        378,
        page="the BirdAVES section of github.com/earthspecies/aves",
    ),
    KnownCheckpoint(
        "beats-iter3-plus-as2m",
        "beats",
        "BEATs_iter3_plus_AS2M.pt",
        "MIT",
        361,
        page="the BEATs section of github.com/microsoft/unilm",
    ),
    KnownCheckpoint(
        "cnn14",
        "cnn14",
        "Cnn14_mAP=0.431.pth",
        "CC-BY-4.0",
        327,
        page="the PANNs record on Zenodo, 10.5281/zenodo.3987831",
    ),
)

BY_NAME: dict[str, KnownCheckpoint] = {entry.name: entry for entry in KNOWN}
BY_REPOSITORY: dict[str, KnownCheckpoint] = {entry.repository: entry for entry in KNOWN if entry.repository}
BY_FILE: dict[str, KnownCheckpoint] = {entry.file: entry for entry in KNOWN}
