"""Audio: from a file, however odd, to samples at the rate and channel that are wanted.

`probe` says what a file holds without decoding it, `examine` also looks at every sample, `AudioReader` gives any
stretch of it, `read` all of it. Front ends (spectrograms) are in `tymbal.audio.frontends`, which needs torch.
"""

from tymbal.audio.decode import AudioReader, Waveform, examine, read
from tymbal.audio.find import find_recordings
from tymbal.audio.info import AudioInfo
from tymbal.audio.probe import probe
from tymbal.audio.resample import RatePlan, resample
from tymbal.audio.sniff import AUDIO_EXTENSIONS
from tymbal.audio.stamps import StartTime
from tymbal.audio.survey import survey

__all__ = [
    "AUDIO_EXTENSIONS",
    "AudioInfo",
    "AudioReader",
    "RatePlan",
    "StartTime",
    "Waveform",
    "examine",
    "find_recordings",
    "probe",
    "read",
    "resample",
    "survey",
]
