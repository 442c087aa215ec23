"""The settings of a detector; the same dataclass in Python, on the command line and in the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tymbal.config import check_fields
from tymbal.detection.decoding import DecodingConfig
from tymbal.detection.losses import LossConfig
from tymbal.detection.network import NetworkConfig
from tymbal.detection.targets import TargetConfig
from tymbal.training import TrainingConfig

TRAINING = TrainingConfig(
    epochs=40,
    batch_size=4,
    learning_rate=2e-3,
    warmup_epochs=2.0,
    patience=10,
    monitor="f1",
    direction="max",
)
# Few recordings give few windows: of a minute of song, batches of 4 are too few steps to learn from in 40 epochs.
FEW_WINDOWS = replace(TRAINING, batch_size=2, learning_rate=3e-3, warmup_epochs=1.0)


@dataclass(frozen=True)
class DetectorConfig:
    """What a detector is and how it is trained.

    Parameters
    ----------
    method : "both" finds onsets and offsets and joins them; "forward" onsets with durations; "segments", "sebb" and
        "gated" are baselines; see `tymbal.detection.methods`.
    layers : layers to detect on: "finest" (all near the shortest hop), "all", "last", or names.
    classes : whether labels are told apart; False: every event is of one class.
    bounds : whether boxes get a low and a high frequency; needs events that have them.
    stereo : every channel is detected in with the frames of all others beside its own, so that a voice is told at its
        own microphone and not where it leaks to; events must say their channel, recordings have equally many.
    unknown : labels that mean an event of no known class: found, but not taught as a class.
    targets, network, losses, decoding, training : see there. `training.monitor` may be "f1" (mean of F1 at IoU 0.5
        and 0.8 on the recordings held out) or "loss".
    window_frames : frames of a training window, without the context around it.
    mixup : share of windows that another window is added to, with its events. Layers that are logarithms of power
        (`log_mel`) add as powers, others as means.
    gain_db : windows of such layers are made louder or softer by up to this.
    members : networks whose outputs are averaged, each trained for all epochs with another part of the groups held
        out, so that all groups teach and all calibrate; 1: one network, stopped and calibrated on a share held out.
    validation_fraction : share of the training recordings' groups held out for stopping, calibration and threshold.
    pauses : detections are set against the runs of sound between pauses (an energy gate, tuned on the recordings
        trained on); see `tymbal.detection.pauses`. Needs a layer that is a logarithm of power (`log_mel`).
    join_iou : forward and reverse boxes above this IoU can be one event.
    active : probability from which "segments" and "gated" count a frame as sounding; None: fitted on validation.
    """

    method: str = "both"
    layers: str | tuple[str, ...] = "finest"
    classes: bool = True
    bounds: bool = False
    stereo: bool = False
    unknown: tuple[str, ...] = ("Unknown", "unknown", "?")
    targets: TargetConfig = field(default_factory=TargetConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    decoding: DecodingConfig = field(default_factory=DecodingConfig)
    training: TrainingConfig = FEW_WINDOWS
    window_frames: int = 400
    mixup: float = 0.0
    gain_db: float = 0.0
    members: int = 1
    validation_fraction: float = 0.2
    pauses: bool = False
    join_iou: float = 0.5
    active: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.layers, str):
            object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "unknown", tuple(self.unknown))

    def check(self) -> None:
        """Raise UsageError naming the first field outside its range, here or in a part."""
        from tymbal.detection.methods import get_method

        check_fields(self, self._ranges())
        get_method(self.method)
        for part in (self.targets, self.network, self.losses, self.decoding, self.training):
            part.check()

    def _ranges(self) -> Iterator[tuple[str, bool, str]]:
        yield "window_frames", self.window_frames >= 8, "8 or more"
        yield "mixup", 0 <= self.mixup <= 1, "0 to 1"
        yield "gain_db", 0 <= self.gain_db <= 60, "0 to 60"
        yield "members", 1 <= self.members <= 16, "1 to 16"
        yield "validation_fraction", 0 < self.validation_fraction < 1, "between 0 and 1"
        yield "join_iou", 0 <= self.join_iou < 1, "0 to below 1"
        yield "active", self.active is None or 0 < self.active < 1, "between 0 and 1, or none"
