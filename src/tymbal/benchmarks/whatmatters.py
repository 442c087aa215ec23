"""The 26-set suite of "What Matters for Bioacoustic Encoding" (arXiv 2508.11845).

Its BEANS and BirdSet sets are run by their own protocols here (docs/how-to/benchmarks.md says where the suite's own
code departs from them), with retrieval and clustering added. The folder holds beans/ (BEANS's data folder), birdset/,
and one folder for each other set in the form in which the authors' data package keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tymbal.benchmarks import beans, birdset
from tymbal.benchmarks.clips import Clip, clip_contents
from tymbal.benchmarks.dataset import TEST, TRAIN, VALIDATION, BenchmarkSet, Contents, Origin
from tymbal.benchmarks.tables import read_table

FAMILY = "what-matters"
_RETRIEVAL = ("retrieval_auc", "precision_at_1")
_CLUSTERING = ("nmi", "ari")
_ACROSS = {TRAIN: "acrossyear_fg_train.csv", TEST: "acrossyear_fg_test.csv"}
_HELD = {TRAIN: "train.csv", VALIDATION: "validation.csv", TEST: "test.csv"}
_STOWELL = "https://zenodo.org/records/1413495"


def tables_reader(
    tables: Mapping[str, str], path: str, label: str, *, root: str = "", unit: str | None = None
) -> Callable[[Path, BenchmarkSet], Contents]:
    """A reader of one CSV per fold with columns `path` and `label`; `unit` names the column of independent units.

    Paths are relative to `root` below the set's folder. None: a clip is its own unit; the label column's own name
    makes every individual a unit.
    """

    def read(folder: Path, described: BenchmarkSet) -> Contents:
        """Contents of the tables; see `tables_reader`."""
        clips = []
        for fold, file in tables.items():
            rows = read_table(folder / file, [name for name in (path, label, unit) if name is not None])
            for row in rows.drop_nulls([path, label]).iter_rows(named=True):
                clips.append(Clip(row[path], (row[label],), fold, row[unit] if unit else row[path]))
        labels = sorted({clip.labels[0] for clip in clips})
        return clip_contents(folder / root, clips, described, labels)

    return read


def _individuals(name: str, folder: str, count: int, tables: Mapping[str, str], **fields: object) -> BenchmarkSet:
    label = str(fields.pop("label", "individual_id"))
    described = BenchmarkSet(
        name=name,
        family=FAMILY,
        task="labels",
        folder=f"{folder}/v0.1.0/raw",
        files=tuple(tables.values()),
        audio="**/*.*",
        classes=count,
        metrics=("accuracy", *_RETRIEVAL),
        read=tables_reader(tables, "local_path", label, unit=label),
        max_s=10.0,
        unit_name="individual",
        whole_units=False,
        retrieval="train",
        remark="clips are cut at 10 s as the suite cuts them",
        origin=Origin(
            _STOWELL,
            f"place recordings and tables (local_path, {label}) in {folder}/v0.1.0/raw/, as the alp-data package does",
            "CC BY 4.0",
        ),
    )
    return replace(described, **fields)  # type: ignore[arg-type]


def _repertoire(name: str, folder: str, file: str, path: str, label: str, **fields: object) -> BenchmarkSet:
    unit, root = fields.pop("unit", None), str(fields.pop("root", ""))
    described = BenchmarkSet(
        name=name,
        family=FAMILY,
        task="repertoire",
        folder=folder,
        files=(file,),
        audio="**/*.*",
        classes=0,
        metrics=(*_RETRIEVAL, *_CLUSTERING),
        read=tables_reader({TEST: file}, path, label, root=root, unit=None if unit is None else str(unit)),
        max_s=10.0,
        unit_name="clip" if unit is None else "individual",
        whole_units=False,
        certain=False,
        origin=Origin("see the remark", f"place recordings and {file} ({path}, {label}) in {folder}/", "see its page"),
    )
    return replace(described, **fields)  # type: ignore[arg-type]


def _taken(described: BenchmarkSet, folder: str) -> BenchmarkSet:
    """A set of another benchmark with the suite's metrics beside its own headline."""
    more = () if described.multilabel else _CLUSTERING
    return replace(
        described,
        family=FAMILY,
        folder=f"{folder}/{described.folder}",
        metrics=(described.metrics[0], *_RETRIEVAL, *more),
        published=described.published or described.name,
    )


BEANS_CLASSIFICATION = tuple(
    _taken(each, "beans") for each in (beans.WATKINS, beans.CBI, beans.HUMBUGDB, beans.BATS, beans.DOGS, beans.ESC50)
)
BEANS_DETECTION = tuple(
    _taken(each, "beans") for each in (beans.ENABIRDS, beans.RFCX, beans.HICEAS, beans.GIBBONS, beans.DCASE)
)
BIRDSET = tuple(
    _taken(each, "birdset")
    for each in (birdset.POW, birdset.PER, birdset.NES, birdset.NBP, birdset.HSN, birdset.SNE, birdset.UHH)
)
CHIFFCHAFF = _individuals("chiffchaff", "chiffchaff_id", 10, _ACROSS, published="chiffchaff_cross")
LITTLE_OWL = _individuals("littleowl", "littleowl_id", 16, _ACROSS, published="littleowl_cross")
PIPIT = _individuals("pipit", "pipit_id", 10, _ACROSS, published="pipit_cross")
MACAQUES = _individuals(
    "macaques",
    "macaques_coo_calls",
    8,
    _HELD,
    label="id",
    retrieval="test",
    certain=False,
    remark="the label column (id) is that of the package's own example",
    origin=Origin(
        "https://archive.org/details/macaque_coo_calls",
        "place recordings, train.csv, validation.csv and test.csv (local_path, id) in macaques_coo_calls/v0.1.0/raw/",
        "CC0",
    ),
)
ZEBRA_FINCH = _repertoire(
    "zebrafinch",
    "zebra_finch_julie_elie/v0.1.0/raw",
    "csv_data/test.csv",
    "local_path",
    "call_type_1",
    unit="id",
    published="zebrafinch_call",
    remark="which column of call types was published is inferred (call_type_1: alarm, contact, distress, nest ...)",
    origin=Origin(
        "https://figshare.com/articles/dataset/11905533",
        "place recordings and csv_data/test.csv (local_path, call_type_1, id) in zebra_finch_julie_elie/v0.1.0/raw/",
        "CC BY 4.0",
    ),
)
GIANT_OTTERS = _repertoire(
    "giant-otters",
    "giant_otters/v0.1.0/raw",
    "giant_otters_annotations_test.csv",
    "path",
    "vocalization",
    published="giant_otters",
    remark="about 21 types were published; the table has more spellings, and how they were merged is not known",
    origin=Origin(
        "https://doi.org/10.1371/journal.pone.0112562",
        "place recordings and giant_otters_annotations_test.csv (path, vocalization) in giant_otters/v0.1.0/raw/",
        "CC BY 4.0",
    ),
)
BENGALESE_FINCH = _repertoire(
    "bengalese-finch",
    "bengalese_finch/v0.1.0/raw",
    "Bird0.csv",
    "local_path",
    "call_type",
    unit="individual_id",
    classes=9,
    published="bengalese_finch",
    remark="Bird0 alone, as in the authors' configuration; one bird, so no interval",
)
KILLER_WHALE = _repertoire(
    "killer-whale",
    "srkw_orca",
    "clips.csv",
    "recording",
    "label",
    classes=27,
    recordings=1336,
    published="srkw_orca",
    remark="the authors' layout is not public to our knowledge: clips.csv (recording, label) stands in for it",
)
SETS = (
    *BEANS_CLASSIFICATION,
    *BEANS_DETECTION,
    *BIRDSET,
    CHIFFCHAFF,
    LITTLE_OWL,
    PIPIT,
    MACAQUES,
    ZEBRA_FINCH,
    GIANT_OTTERS,
    BENGALESE_FINCH,
    KILLER_WHALE,
)
