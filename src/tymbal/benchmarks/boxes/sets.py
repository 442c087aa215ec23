"""The eight sets, with what was published of each (arXiv 2503.02389; zenodo 15507508).

Recordings, hours and events are those of the authors' table, train / validation / test; events of unknown class are
not among them. Its hours are native ones: OZF's 65 recordings of a minute are 1.08 h there.
"""

from __future__ import annotations

from tymbal.benchmarks.boxes.checks import inspect
from tymbal.benchmarks.boxes.layout import SLOWED, BoxSet
from tymbal.benchmarks.boxes.reading import FORMATTED, INFOS, read
from tymbal.benchmarks.boxes.scoring import FRAMES
from tymbal.benchmarks.dataset import FOLDS, Origin

FAMILY = "boxes"
METRICS = (
    *(f"{name}@{iou}" for name in ("f1", "macro_f1", "map") for iou in (0.5, 0.8)),
    *(f"class_agnostic_f1@{iou}" for iou in (0.5, 0.8)),
    *(f"voxaboxen_{name}_f1@{iou}" for name in ("macro", "micro") for iou in (0.5, 0.8)),
    FRAMES,
)
Three = tuple[float, float, float]


def _set(
    names: tuple[str, ...],
    files: tuple[int, int, int],
    hours: Three,
    events: tuple[int, int, int],
    mean_s: float,
    about: str,
    *,
    classes: int = 1,
    labels: tuple[str, ...] = (),
    slowed: int = 1,
) -> BoxSet:
    """A set that its downloads have called `names`; each may hold the lists itself or in a folder "formatted"."""
    inside = "", f"/{FORMATTED}"
    places = [f"{name}{part}" for part in inside for name in names]
    if slowed > 1:
        places += [f"{name}{SLOWED}{part}" for part in inside for name in names]
    listed = ", ".join(INFOS.values())
    return BoxSet(
        name=names[0],
        family=FAMILY,
        task="boxes",
        folder=places[0],
        folders=tuple(places[1:]),
        files=tuple(INFOS.values()),
        audio="**/*.*",
        classes=classes,
        metrics=METRICS,
        read=read,
        inspect=inspect,
        origin=Origin(
            "https://zenodo.org/records/15507508",
            f"unpack it so that {names[0]}/ holds {listed} with the folders of recordings and tables that they name",
            "see its page",
        ),
        labels=labels,
        events=dict(zip(FOLDS, events, strict=True)),
        unit_name="recording",
        whole_units=False,  # leaks are looked for by `inspect`, which sees recordings without events too
        published_folds=True,
        remark=about,
        files_by_fold=dict(zip(FOLDS, files, strict=True)),
        hours=dict(zip(FOLDS, hours, strict=True)),
        mean_s=mean_s,
        slowed=slowed,
    )


_POWDERMILL = ("NOCA", "BCCH", "EATO", "BTNW", "REVI", "TUTI")
_HAWAII = ("ercfra", "reblei", "warwhe1", "skylar", "hawama", "houfin", "apapan", "omao", "iiwi")
ANSET = _set(
    ("AnSet", "Anuraset"),
    (967, 322, 323),
    (16.09, 5.37, 5.37),
    (4279, 1893, 1635),
    6.23,
    "frogs, Brazil; labels keep a letter for the quality of the call (SPHSUR_M)",
    classes=10,
)
BV10 = _set(
    ("BV10", "BV"),
    (5, 5, 5),
    (6, 2, 2),
    (4196, 1064, 3764),
    0.15,
    "passerines in flight, New York; the test part is the end of the five recordings that begin the training part",
    slowed=2,
)
HAWB = _set(
    ("HawB", "hawaii"),
    (379, 126, 130),
    (30.48, 10.05, 10.35),
    (33372, 11209, 11132),
    1.11,
    "birds, Hawaii",
    classes=9,
    labels=_HAWAII,
)
HBW = _set(
    ("HbW", "humpback"), (388, 125, 129), (8.08, 2.60, 2.69), (2952, 959, 865), 0.99, "humpback whales, North Pacific"
)
KATY = _set(
    ("Katy", "katydids"), (16, 5, 6), (2.66, 0.83, 1.00), (7434, 1550, 2977), 0.17, "katydids, Panamá", slowed=6
)
MT = _set(("MT",), (2, 2, 2), (0.76, 0.25, 0.25), (773, 269, 252), 0.15, "meerkats with recorders on them")
POW = _set(
    ("Pow", "powdermill"),
    (44, 14, 19),
    (3.67, 1.17, 1.58),
    (5138, 2276, 2505),
    1.11,
    "passerines, Pennsylvania",
    classes=6,
    labels=_POWDERMILL,
)
OZF = _set(
    ("OZF",), (46, 6, 13), (0.77, 0.10, 0.22), (5514, 1246, 1744), 0.11, "zebra finches, eight in a room", slowed=2
)
SETS = (ANSET, BV10, HAWB, HBW, KATY, MT, POW, OZF)
