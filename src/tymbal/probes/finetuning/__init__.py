"""Fine-tuning: an encoder and a head trained together on the sound of labelled events."""

from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.frozen import frozen_examples
from tymbal.probes.finetuning.model import FineTuned
from tymbal.probes.finetuning.sounds import EventSounds
from tymbal.probes.finetuning.study import FEATURES, Machine, run_finetuning, write_encoders

__all__ = [
    "FEATURES",
    "EventSounds",
    "FineTuned",
    "FinetuneConfig",
    "Machine",
    "frozen_examples",
    "run_finetuning",
    "write_encoders",
]
