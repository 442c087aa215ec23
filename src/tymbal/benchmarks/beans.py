"""BEANS as data (arXiv 2210.12300): twelve sets, where each comes from, how it lies on disk, and its protocol.

Layouts are those that BEANS's own scripts leave in their `data` folder; counts are the published ones.
"""

from __future__ import annotations

from tymbal.benchmarks import beans_clips, beans_windows
from tymbal.benchmarks.dataset import BenchmarkSet, Origin

FAMILY = "beans"
_PAGE = "see its page"
_WATKINS = (
    "Clymene_Dolphin Bottlenose_Dolphin Spinner_Dolphin Beluga,_White_Whale Bearded_Seal Minke_Whale Humpback_Whale "
    "Southern_Right_Whale White-sided_Dolphin Narwhal White-beaked_Dolphin Northern_Right_Whale Frasers_Dolphin "
    "Grampus,_Rissos_Dolphin Harp_Seal Atlantic_Spotted_Dolphin Fin,_Finback_Whale Ross_Seal Rough-Toothed_Dolphin "
    "Killer_Whale Pantropical_Spotted_Dolphin Short-Finned_Pacific_Pilot_Whale Bowhead_Whale False_Killer_Whale "
    "Melon_Headed_Whale Long-Finned_Pilot_Whale Striped_Dolphin Leopard_Seal Walrus Sperm_Whale Common_Dolphin"
)
_HUMBUGDB = (
    "non-mosquito,an arabiensis,others,an gambiae ss,culex quinquefasciatus,culex pipiens complex,an funestus ss,"
    "an squamosus,ma uniformis,an dirus,ae aegypti,an harrisoni,an maculatus,an funestus sl"
)
_DCASE = "AMRE BBWA BTBW CALL CCMK CHSP COYE GCTH GIG GRN OVEN Q RBGR SAVS SNMK SQT SWTH WTSP"
_ENABIRDS = (
    "AMCR AMGO AMRE AMRO BAWW BCCH BGGN BHCO BHVI BLJA BTNW BWWA CARW COYE EATO HETH HOWA KEWA LOWA NOCA NOFL OVEN "
    "RBGR RBWO RCKI REVI SCTA SWTH TUTI WBNU WITU WOTH YBCU OTHR"
)

WATKINS = BenchmarkSet(
    name="watkins",
    family=FAMILY,
    task="labels",
    folder="watkins",
    files=("annotations.csv",),
    audio="**/*.wav",
    classes=31,
    labels=tuple(_WATKINS.split()),
    metrics=("accuracy",),
    read=beans_clips.read_watkins,
    sample_rate_hz=44_100,
    max_s=3.0,
    counts={"train": 1017, "validation": 339, "test": 339},
    unit_name="recording",
    lists="annotations.{}.csv",
    origin=Origin("https://archive.org/details/watkins_202104", "unzip watkins.zip into watkins/", _PAGE),
)
BATS = BenchmarkSet(
    name="bats",
    family=FAMILY,
    task="labels",
    folder="egyptian_fruit_bats",
    files=("annotations.csv",),
    audio="audio/*",
    classes=10,
    labels=("111", "210", "211", "215", "216", "220", "226", "228", "230", "231"),
    metrics=("accuracy",),
    read=beans_clips.read_bats,
    sample_rate_hz=250_000,
    max_s=5.0,
    lists="annotations.{}.csv",
    origin=Origin(
        "https://archive.org/details/egyptian_fruit_bats_10k",
        "unzip egyptian_fruit_bats.zip into egyptian_fruit_bats/",
        _PAGE,
    ),
)
CBI = BenchmarkSet(
    name="cbi",
    family=FAMILY,
    task="labels",
    folder="cbi",
    files=("train.csv",),
    audio="*/**/*.*",
    classes=264,
    metrics=("accuracy",),
    read=beans_clips.read_cbi,
    sample_rate_hz=44_100,
    max_s=10.0,
    counts={"test": 3620},
    unit_name="recordist",
    lists="annotations.{}.csv",
    origin=Origin(
        "https://www.kaggle.com/c/birdsong-recognition",
        "accept the rules on the page, unzip birdsong-recognition.zip into cbi/ (train.csv and train_audio/)",
        "the competition's rules; each recording's own Creative Commons licence",
    ),
)
DOGS = BenchmarkSet(
    name="dogs",
    family=FAMILY,
    task="labels",
    folder="dogs",
    files=("annotations.csv",),
    audio="*/*.*",
    classes=10,
    labels=("Farley", "Freid", "Keri", "Louie", "Luke", "Mac", "Roodie", "Rudy", "Siggy", "Zoe"),
    metrics=("accuracy",),
    read=beans_clips.read_dogs,
    sample_rate_hz=44_100,
    max_s=10.0,
    lists="annotations.{}.csv",
    origin=Origin("https://archive.org/details/dog_barks", "unzip dog_barks.zip into dogs/", _PAGE),
)
HUMBUGDB = BenchmarkSet(
    name="humbugdb",
    family=FAMILY,
    task="labels",
    folder="HumBugDB",
    files=("data/metadata/neurips_2021_zenodo_0_0_1.csv",),
    audio="data/audio/*.wav",
    classes=14,
    labels=tuple(_HUMBUGDB.split(",")),
    metrics=("accuracy",),
    read=beans_clips.read_humbugdb,
    sample_rate_hz=44_100,
    max_s=3.0,
    counts={"test": 1859},
    lists="data/metadata/{}.csv",
    origin=Origin(
        "https://zenodo.org/record/4904800",
        "clone github.com/HumBug-Mosquito/HumBugDB to HumBugDB/, unzip humbugdb_neurips_2021_1..4.zip into "
        "HumBugDB/data/audio/",
        "CC BY 4.0",
    ),
)
ESC50 = BenchmarkSet(
    name="esc50",
    family=FAMILY,
    task="labels",
    folder="esc50",
    files=("meta/esc50.csv",),
    audio="audio/*.wav",
    classes=50,
    metrics=("accuracy",),
    read=beans_clips.read_esc50,
    sample_rate_hz=44_100,
    max_s=5.0,
    counts={"train": 1200, "validation": 400, "test": 400},
    recordings=2000,
    unit_name="source recording",
    published_folds=True,
    origin=Origin(
        "https://github.com/karolpiczak/ESC-50", "clone the repository to esc50/", "CC BY-NC 3.0", size_gb=0.6
    ),
)
SPEECH_COMMANDS = BenchmarkSet(
    name="speech-commands",
    family=FAMILY,
    task="labels",
    folder="speech_commands",
    files=("validation_list.txt", "testing_list.txt"),
    audio="*/*.wav",
    classes=35,
    metrics=("accuracy",),
    read=beans_clips.read_speech_commands,
    sample_rate_hz=16_000,
    max_s=1.0,
    unit_name="speaker",
    published="speech_commands",
    published_folds=True,
    origin=Origin(
        "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        "unpack the archive into speech_commands/",
        "CC BY 4.0",
        size_gb=2.3,
    ),
)
DCASE = BenchmarkSet(
    name="dcase",
    family=FAMILY,
    task="windows",
    folder="dcase",
    files=("Development_Set",),
    audio="Development_Set/**/*.wav",
    classes=18,
    labels=tuple(_DCASE.split()),
    metrics=("map",),
    read=beans_windows.read_dcase,
    sample_rate_hz=16_000,
    window_s=2.0,
    hop_s=1.0,
    counts={"test": 13_688},
    whole_units=False,
    origin=Origin("https://zenodo.org/record/5412896", "unzip Development_Set.zip into dcase/", "CC BY 4.0"),
)
ENABIRDS = BenchmarkSet(
    name="enabirds",
    family=FAMILY,
    task="windows",
    folder="enabirds",
    files=(),
    audio="Recording_?/*.wav",
    classes=34,
    labels=tuple(_ENABIRDS.split()),
    unknown="OTHR",
    metrics=("map",),
    read=beans_windows.read_enabirds,
    sample_rate_hz=32_000,
    window_s=2.0,
    hop_s=1.0,
    counts={"test": 4_543},
    whole_units=False,
    origin=Origin(
        "https://datadryad.org/stash/dataset/doi:10.5061/dryad.d2547d81z",
        "unzip wav_Files.zip and annotation_Files.zip into enabirds/ (Recording_1/ ...)",
        "CC0",
    ),
)
HICEAS = BenchmarkSet(
    name="hiceas",
    family=FAMILY,
    task="windows",
    folder="hiceas",
    files=("train.jsonl", "valid.jsonl", "test.jsonl"),
    audio="**/*.wav",
    classes=1,
    labels=("1",),
    metrics=("map",),
    read=beans_windows.read_hiceas,
    sample_rate_hz=22_050,
    window_s=10.0,
    hop_s=5.0,
    counts={"test": 1_485},
    published_folds=True,
    origin=Origin(
        "https://storage.googleapis.com/ml-bioacoustics-datasets/hiceas_1-20_minke-detection.zip",
        "unzip into hiceas/",
        _PAGE,
    ),
)
RFCX = BenchmarkSet(
    name="rfcx",
    family=FAMILY,
    task="windows",
    folder="rfcx",
    files=("train_tp.csv",),
    audio="train/*.flac",
    classes=24,
    labels=tuple(str(number) for number in range(24)),
    metrics=("map",),
    read=beans_windows.read_rfcx,
    sample_rate_hz=48_000,
    window_s=10.0,
    hop_s=5.0,
    counts={"test": 10_406},
    exhaustive=False,
    origin=Origin(
        "https://www.kaggle.com/c/rfcx-species-audio-detection",
        "accept the rules on the page, unzip rfcx-species-audio-detection.zip into rfcx/",
        "the competition's rules",
    ),
)
GIBBONS = BenchmarkSet(
    name="hainan-gibbons",
    family=FAMILY,
    task="windows",
    folder="hainan_gibbons",
    files=("Train_Labels",),
    audio="Train/*.wav",
    classes=3,
    labels=("1", "2", "3"),
    unknown="1",
    metrics=("map",),
    read=beans_windows.read_gibbons,
    sample_rate_hz=9_600,
    window_s=4.0,
    hop_s=2.0,
    counts={"test": 18_560},
    published="gibbons",
    origin=Origin(
        "https://zenodo.org/record/3991714",
        "unzip Train.zip into hainan_gibbons/Train/ and Train_Labels.zip into hainan_gibbons/",
        "CC BY 4.0",
    ),
)
