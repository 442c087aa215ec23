"""Fine-tuning: an encoder and a head trained together on the sound of labelled events."""

from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.frozen import frozen_examples
from tymbal.probes.finetuning.model import FineTuned
from tymbal.probes.finetuning.sounds import EventSounds
from tymbal.probes.finetuning.study import Machine, run_finetuning

__all__ = ["EventSounds", "FineTuned", "FinetuneConfig", "Machine", "frozen_examples", "run_finetuning"]
