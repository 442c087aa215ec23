"""The few-shot measure of DCASE task 5 and of FASD13, rule by rule, and beside it what the rules leave out.

1. The shots are the first events of the target, by onset; every reference that ends by the end of the last of them is
   left out. 2. Predictions before that time are not: they count as false, whoever makes them filters them. 3. Matching
is the largest at IoU > 0.3; what is left over and matches an unknown event is excused, one to one. 4. In a recording
without any prediction all events of the target are missed, the shots included. 5. Counts are summed within subsets;
precision, recall and F1 are each the harmonic mean over subsets, none below 1e-5.

Not of the challenge, but free of thresholds: average precision by score, the candidates of a subset in one ranking, the
mean over subsets. Rules 1, 2 and 4 hold for the candidates as for predictions; matching goes by score, and a candidate
left over that matches an unknown event leaves the ranking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tymbal.annotations import CoverageIndex
from tymbal.annotations.coverage import complement
from tymbal.errors import DataError, UsageError
from tymbal.evaluation.counting import Counted, divide, mean_defined
from tymbal.evaluation.detection.boxes import Booleans, Floats, Integers, as_boxes
from tymbal.evaluation.detection.matching import match_boxes
from tymbal.evaluation.detection.problem import UNKNOWN, Boxes, DetectionProblem, DetectionSettings
from tymbal.evaluation.detection.ranking import RankedBoxes
from tymbal.evaluation.intervals import CONFIDENCE, MIN_UNITS, SHOWN_UNITS, Estimate, resample, share_interval
from tymbal.evaluation.problem import number_units

FLOOR = 1e-5
_SHARES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class FewshotScores:
    """Harmonic means over subsets with intervals over units, arithmetic means beside them, and the counts.

    subsets : subset, recordings, true, false, missed, precision, recall, f1, ap. recordings : recording, subset, true,
    false, missed, excused, shots_end_s. Nulls where a share has no denominator.
    ap : average precision, the arithmetic mean over subsets that have an event to find; None without candidates.
    """

    precision: Estimate
    recall: Estimate
    f1: Estimate
    arithmetic: Mapping[str, float]
    subsets: pl.DataFrame
    recordings: pl.DataFrame
    ap: Estimate | None = None


def score_fewshot(
    predictions: pl.DataFrame,
    references: pl.DataFrame,
    *,
    subsets: Mapping[str, str],
    candidates: pl.DataFrame | None = None,
    units: Mapping[str, str] | None = None,
    coverage: pl.DataFrame | None = None,
    durations: Mapping[str, float] | None = None,
    shots: int = 5,
    minimum_iou: float = 0.3,
    seed: int = 0,
) -> FewshotScores:
    """Score predictions of one target per recording.

    predictions, references : Events. References of certainty "unknown" or label "UNK" are unknown (UNK), all others
        are of the target (POS); predictions are of the target whatever their label.
    subsets : {recording: its subset} of every recording scored, found in or not.
    candidates : Events with scores, the predictions among them and what is scored lower, for average precision alone.
    units : {recording: what is independent}, where several targets of one file go by names of their own; intervals
        resample units. None: every recording is one.
    coverage, durations : holes of the coverage of a recording in them are unknown events too, which is how tables
        with UNK are read here; `durations` (s) closes the last hole.
    shots : first events that were examples; 0 where these came from elsewhere, and all of each recording counts.
    Raises DataError where there is nothing to score, UsageError for fewer shots than none.
    """
    if shots < 0:
        raise UsageError(f"{shots} shots", parameter="shots", allowed="0 or more")
    names = sorted(subsets)
    if not names:
        raise DataError("no recording to score", where="subsets")
    truth = _truth(references, coverage, durations or {}, names, shots)
    counts = _counts(truth, _side(predictions, names, "predictions"), minimum_iou, names)
    subset = [subsets[name] for name in names]
    own = _Units(*number_units([name if units is None else units[name] for name in names], len(names)))
    scores = _scores(counts, names, subset, own, truth.shots_end_s, seed)
    if candidates is None:
        return scores
    ranked = _ranked(truth, _side(candidates, names, "candidates"), minimum_iou, names, subset, own)
    return _with_ap(scores, ranked, own, seed)


@dataclass(frozen=True)
class _Units:
    """The number of each recording's independent unit (recordings,), and what the units are called."""

    of: Integers
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Truth:
    """References by rule 1: events of the target, which of them are `kept` after the shots, and what excuses."""

    boxes: Floats
    place: Integers
    kept: Booleans
    excusing: Floats
    excusing_place: Integers
    shots_end_s: Floats

    def targets(self, silent: Booleans) -> tuple[Floats, Integers]:
        """What is to be found, and in which recording: all events where the recording is `silent` (rule 4)."""
        ours = self.kept | silent[self.place]
        return self.boxes[ours], self.place[ours]


def _truth(
    references: pl.DataFrame,
    coverage: pl.DataFrame | None,
    durations: Mapping[str, float],
    names: list[str],
    shots: int,
) -> _Truth:
    table = _side(references, names, "references")
    unknown, place = _is_unknown(table), _place(table, names)
    boxes = as_boxes(table.select("onset_s", "offset_s").to_numpy(), "references")
    holes, hole_place = _holes(coverage, durations, names)
    end = _shots_end(boxes[~unknown], place[~unknown], len(names), shots)
    kept, kept_holes = boxes[:, 1] > end[place], holes[:, 1] > end[hole_place]
    excusing = np.concatenate([boxes[unknown & kept], holes[kept_holes]])
    excusing_place = np.concatenate([place[unknown & kept], hole_place[kept_holes]])
    return _Truth(boxes[~unknown], place[~unknown], kept[~unknown], excusing, excusing_place, end)


def _side(table: pl.DataFrame, names: list[str], name: str) -> pl.DataFrame:
    """Events with times of the recordings scored."""
    missing = table.filter(pl.any_horizontal(pl.col("onset_s", "offset_s").is_null())).height
    if missing:
        raise DataError(f"{missing} events have no times", where=name, mend="Give onsets and offsets to all.")
    return table.filter(pl.col("recording").is_in(names))


def _is_unknown(table: pl.DataFrame) -> Booleans:
    return ((table["certainty"] == "unknown").fill_null(False) | (table["label"] == "UNK").fill_null(False)).to_numpy()


def _place(table: pl.DataFrame, names: list[str]) -> Integers:
    mapped = table["recording"].replace_strict(names, list(range(len(names))), return_dtype=pl.Int64)
    return mapped.to_numpy().astype(np.int64)


def _holes(coverage: pl.DataFrame | None, durations: Mapping[str, float], names: list[str]) -> tuple[Floats, Integers]:
    """What lies between what was listened to, for recordings that coverage speaks of: (n, 2) s and their recordings."""
    boxes, places = [np.zeros((0, 2))], [np.zeros(0, dtype=np.int64)]
    if coverage is not None:
        index = CoverageIndex(coverage.with_columns(labels=None, channel=None).cast({"labels": pl.List(pl.String)}))
        for number, name in enumerate(names):
            spans = index.intervals(name)
            if len(spans):
                end = durations.get(name, float(spans[-1, 1]))
                found = complement(spans, 0.0, end)
                boxes.append(found)
                places.append(np.full(len(found), number, dtype=np.int64))
    return np.concatenate(boxes), np.concatenate(places)


def _shots_end(boxes: Floats, place: Integers, count: int, shots: int) -> Floats:
    """End of the last shot of each recording (recordings,); -inf without any, the last end with fewer."""
    ends = np.full(count, -np.inf)
    order = np.lexsort((boxes[:, 0], place))
    for rows in np.split(order, np.flatnonzero(np.diff(place[order])) + 1):
        if len(rows) and shots:
            ends[place[rows[0]]] = boxes[rows[min(shots, len(rows)) - 1], 1]
    return ends


def _counts(truth: _Truth, said: pl.DataFrame, minimum_iou: float, names: list[str]) -> Integers:
    """(recordings, 4): true, false, missed, excused."""

    def table(of: Integers) -> Integers:
        return np.bincount(of, minlength=len(names))

    theirs, their_place = as_boxes(said.select("onset_s", "offset_s").to_numpy(), "predictions"), _place(said, names)
    targets, place = truth.targets(table(their_place) == 0)
    hits = match_boxes(targets, theirs, minimum_iou=minimum_iou, reference_group=place, prediction_group=their_place)
    left = np.setdiff1d(np.arange(len(theirs)), hits.prediction, assume_unique=True)
    excused = match_boxes(
        truth.excusing,
        theirs[left],
        minimum_iou=minimum_iou,
        reference_group=truth.excusing_place,
        prediction_group=their_place[left],
    )
    true, spared = table(place[hits.reference]), table(truth.excusing_place[excused.reference])
    return np.stack([true, table(their_place) - true - spared, table(place) - true, spared], axis=1)


def _ranked(
    truth: _Truth, said: pl.DataFrame, minimum_iou: float, names: list[str], subset: list[str], units: _Units
) -> RankedBoxes:
    """The ranking of candidates, the subsets being its classes."""
    place = _place(said, names)
    targets, target_place = truth.targets(np.bincount(place, minlength=len(names)) == 0)
    titles, number = np.unique(np.array(subset), return_inverse=True)
    boxes = np.concatenate([targets, truth.excusing])
    places = np.concatenate([target_place, truth.excusing_place])
    label = np.where(np.arange(len(boxes)) < len(targets), number[places], UNKNOWN)
    scores = said["score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    theirs = as_boxes(said.select("onset_s", "offset_s").to_numpy(), "candidates")
    problem = DetectionProblem(
        references=_boxes(boxes, label, places, np.full(len(boxes), np.nan)),
        predictions=_boxes(theirs, number[place], place, scores),
        labels=tuple(titles.tolist()),
        recordings=tuple(names),
        recording=np.arange(len(names)),
        unit=units.of,
        names=units.names,
        unit_name="recording",
        covered_s=np.zeros((len(names), len(titles))),  # all was listened to; no rate per hour is asked for
        settings=DetectionSettings(minimum_iou=(minimum_iou,)),
    )
    return RankedBoxes(problem, minimum_iou)


def _boxes(boxes: Floats, label: Integers, place: Integers, score: Floats) -> Boxes:
    return Boxes(boxes, label, place, np.arange(len(boxes)), score, np.ones(len(boxes), dtype=bool))


def _with_ap(scores: FewshotScores, ranked: RankedBoxes, units: _Units, seed: int) -> FewshotScores:
    """The scores with average precision; without, where no subset has an event to find."""
    table = scores.subsets
    if not ranked.kept:
        return scores
    found = ranked.per_class(np.ones((1, len(units.names))))[0]
    column = np.full(table.height, np.nan)
    column[list(ranked.kept)] = found
    table = table.with_columns(ap=pl.Series(column).fill_nan(None))
    return replace(scores, subsets=table, ap=_estimate(ranked, float(found.mean()), units, seed))


def _scores(
    counts: Integers, names: list[str], subset: list[str], units: _Units, shots_end: Floats, seed: int
) -> FewshotScores:
    titles, number = np.unique(np.array(subset), return_inverse=True)
    per_file = np.zeros((len(names), 3, len(titles)))
    per_file[np.arange(len(names)), :, number] = counts[:, :3]
    statistics = per_file.reshape(len(names), -1)
    whole = _shares(statistics.sum(axis=0, keepdims=True))
    found = {share: _share_estimate(statistics, share, units, seed) for share in _SHARES}
    table = pl.DataFrame(
        {
            "subset": titles.tolist(),
            "recordings": np.bincount(number, minlength=len(titles)),
            **dict(zip(("true", "false", "missed"), per_file.sum(axis=0).astype(np.int64), strict=True)),
            **{share: whole[share][0] for share in _SHARES},
        }
    ).with_columns(pl.col(*_SHARES).fill_nan(None), ap=pl.lit(None, dtype=pl.Float64))
    recordings = pl.DataFrame(
        {
            "recording": names,
            "subset": subset,
            **dict(zip(("true", "false", "missed", "excused"), counts.T, strict=True)),
            "shots_end_s": np.where(np.isfinite(shots_end), shots_end, np.nan),
        }
    ).with_columns(pl.col("shots_end_s").fill_nan(None))
    arithmetic = {share: float(mean_defined(whole[share])[0]) for share in _SHARES}
    return FewshotScores(found["precision"], found["recall"], found["f1"], arithmetic, table, recordings)


def _shares(sums: Floats) -> dict[str, Floats]:
    """Precision, recall and F1 (resamples, subsets) of summed counts (resamples, 3 * subsets)."""
    true, false, missed = np.split(sums, 3, axis=1)
    return {
        "precision": divide(true, true + false),
        "recall": divide(true, true + missed),
        "f1": divide(true, true + (false + missed) / 2),
    }


def harmonic_mean(sums: Floats, share: str) -> Floats:
    """Harmonic mean over subsets (resamples,), none below FLOOR; subsets without any event or prediction left out."""
    shares = _shares(sums)[share]
    present = np.stack(np.split(sums, 3, axis=1)).sum(axis=0) > 0
    lifted = np.maximum(np.nan_to_num(shares, nan=0.0), FLOOR)
    return divide(present.sum(axis=1).astype(np.float64), np.where(present, 1 / lifted, 0.0).sum(axis=1))


def _share_estimate(statistics: Floats, share: str, units: _Units, seed: int) -> Estimate:
    summed = np.zeros((len(units.names), statistics.shape[1]))
    np.add.at(summed, units.of, statistics)
    counted = Counted(summed, lambda sums: harmonic_mean(sums, share))
    value = float(counted(np.ones((1, len(units.names))))[0])
    if np.isnan(value):
        raise DataError(
            "neither events nor predictions are left after the examples",
            where="score_fewshot",
            mend="Use fewer examples (shots), or more recordings.",
        )
    return _estimate(counted, value, units, seed)


def _estimate(measure: Callable[[Floats], Floats], value: float, units: _Units, seed: int) -> Estimate:
    """A measure of multiplicities (resamples, units) with its interval over units."""
    count = len(units.names)
    low = high = None
    note = ""
    if count >= MIN_UNITS:
        low, high, note = share_interval(value, resample(measure, count, 2000, seed), count, CONFIDENCE)
    own = measure(np.eye(count)) if count <= SHOWN_UNITS else np.zeros(0)
    shown = {name: None if np.isnan(each) else float(each) for name, each in zip(units.names, own, strict=False)}
    return Estimate(value, low, high, count, "recording", shown, len(units.of), CONFIDENCE, note)
