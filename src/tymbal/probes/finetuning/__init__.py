"""Fine-tuning: an encoder and a head trained together on the sound of labelled events."""

from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.frozen import frozen_examples
from tymbal.probes.finetuning.model import FineTuned
from tymbal.probes.finetuning.sounds import EventSounds

__all__ = ["EventSounds", "FineTuned", "FinetuneConfig", "frozen_examples"]
