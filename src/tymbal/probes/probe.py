"""The probe: how well can a small head read labels out of frozen features? In scikit-learn's manners."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.config import with_fields
from tymbal.errors import DataError, UsageError
from tymbal.evaluation import measure
from tymbal.features import Examples
from tymbal.probes.config import ProbeConfig, choose_layers
from tymbal.probes.fitting import Fitted, Inputs, fit_trained, predict_trained
from tymbal.probes.fusions import get_fusion
from tymbal.probes.grouping import validation_rows
from tymbal.probes.heads import SolvedHead, TrainedHead, get_head, head_options
from tymbal.probes.labels import LabelCoder, Labels
from tymbal.probes.pooling import Array, CachedExamples
from tymbal.probes.solving import fit_solved, predict_solved

Rows = Sequence[int] | Sequence[bool] | NDArray[np.integer[Any]] | NDArray[np.bool_]


class Probe:
    """Layers fused, a head on top, fitted to labelled examples of one encoder.

    The constructor only stores the configuration; `fit` checks it and sets attributes that end in "_":

    layers_ : the layers that the probe taps, from input to output.
    labels_ : label names, sorted; the columns of `predict_proba`.
    dims_ : values per frame of each layer.
    encoder_checksum_, provenance_ : which features it was fitted to, and how they were made.
    notes_ : penalty, epochs, layer weights and the like.
    """

    layers_: tuple[str, ...]
    labels_: tuple[str, ...]
    dims_: tuple[int, ...]
    encoder_checksum_: str
    provenance_: dict[str, Any]
    notes_: dict[str, Any]

    def __init__(self, config: ProbeConfig | None = None, **fields: Any) -> None:
        self.config = with_fields(config or ProbeConfig(), fields)

    def __repr__(self) -> str:
        layers = self.config.layers if isinstance(self.config.layers, str) else "+".join(self.config.layers)
        state = f"{len(self.labels_)} labels" if hasattr(self, "fitted_") else "not fitted"
        return f"Probe({self.config.head} on {layers}, {state})"

    def fit(
        self,
        examples: Examples | CachedExamples,
        labels: Labels,
        *,
        validation: tuple[Examples | CachedExamples, Labels] | None = None,
        groups: Sequence[str] | None = None,
        rows: Rows | None = None,
        watch: Rows | None = None,
    ) -> Probe:
        """Fit to labelled examples and return self.

        Parameters
        ----------
        examples : features of n events; `CachedExamples` where many probes are fitted to the same ones.
        labels : n label names; with `multilabel` n lists of names, which may be empty.
        validation : examples and labels that early stopping of trained heads watches. None: whole groups,
            `validation_fraction` of the examples, are held out of training for it (none where every group alone
            holds some label: then all epochs are run). Solved heads ignore it.
        groups : n names of what examples depend on each other through (recording, session, individual); used for
            that hold-out and for the penalty's cross-validation. None: every example by itself.
        rows : numbers of examples, or a mask of n True and False: fit to these only; `labels` and `groups` are still
            given for all n.
        watch : rows that early stopping watches, in the place of `validation`; those whose label is not trained on
            are left out.

        Raises DataError or UsageError: fewer than two classes, lengths that differ, a layer that is not there,
        features that are not finite, settings out of range.
        """
        config = self.config
        config.check()
        head = get_head(config.head)
        head_options(head, config.options)
        cached = examples if isinstance(examples, CachedExamples) else CachedExamples(examples)
        _same_length(len(cached), labels=labels, groups=groups)
        labels = _listed(labels)
        layers = get_fusion(config.fusion).taps(choose_layers(config.layers, cached.names))
        chosen = np.arange(len(cached)) if rows is None else row_numbers(rows, len(cached))
        _heard(cached, layers, chosen)
        coder = LabelCoder.learn([labels[row] for row in chosen], multilabel=config.multilabel)
        targets = np.zeros((len(cached), len(coder.names)), dtype=np.float32)
        targets[chosen] = coder.encode([labels[row] for row in chosen])
        named = np.asarray(range(len(cached)) if groups is None else _known(groups), dtype=str)
        inputs = Inputs.of(cached, layers, config, frames=_takes_frames(head))
        if isinstance(head, TrainedHead):
            if watch is not None:
                seen = row_numbers(watch, len(cached))
                targets[seen] = coder.encode([labels[row] for row in seen], known=True)
                seen = seen if config.multilabel else seen[targets[seen].any(axis=1)]
                trained, watched = chosen, (inputs, targets, seen) if len(seen) else None
            else:
                trained, watched = self._watched(inputs, targets, chosen, named, coder, layers, validation)
            fitted = fit_trained(head, config, inputs, targets, trained, watched)
        else:
            fitted = fit_solved(head, config, inputs, targets, chosen, named[chosen])
        self._set(fitted, coder, layers, cached)
        return self

    def _watched(
        self,
        inputs: Inputs,
        targets: Array,
        rows: NDArray[np.int64],
        groups: NDArray[np.str_],
        coder: LabelCoder,
        layers: tuple[str, ...],
        validation: tuple[Examples | CachedExamples, Labels] | None,
    ) -> tuple[NDArray[np.int64], tuple[Inputs, Array, NDArray[np.int64]] | None]:
        config = self.config
        if validation is not None:
            held, held_labels = validation
            cached = held if isinstance(held, CachedExamples) else CachedExamples(held)
            _same_length(len(cached), labels=held_labels, groups=None)
            if not len(cached):
                raise DataError(
                    "no examples", where="validation", mend="Leave it out: then whole groups are held out of training."
                )
            missing = [layer for layer in layers if layer not in cached.names]
            if missing:
                raise DataError(f"no layer {missing[0]!r}", where="validation", allowed=", ".join(cached.names))
            seen = Inputs.of(cached, layers, config, frames=inputs.mask is not None)
            if seen.dims != inputs.dims:
                raise DataError(f"layers of {seen.dims} values, trained on {inputs.dims}", where="validation")
            return rows, (seen, coder.encode(_listed(held_labels)), np.arange(len(cached)))
        kept_out = validation_rows(
            groups[rows].tolist(), targets[rows], config.validation_fraction, seed=config.training.seed
        )
        if not kept_out.any():
            return rows, None
        return rows[~kept_out], (inputs, targets, rows[kept_out])

    def _set(self, fitted: Fitted, coder: LabelCoder, layers: tuple[str, ...], cached: CachedExamples) -> None:
        examples = cached.examples
        self.fitted_ = fitted
        self.layers_, self.labels_, self.dims_ = layers, coder.names, cached.dims(layers)
        self.encoder_checksum_, self.provenance_ = examples.encoder_checksum, dict(examples.provenance)
        self.notes_ = fitted.notes

    def predict_proba(self, examples: Examples | CachedExamples, *, rows: Rows | None = None) -> Array:
        """Scores 0–1 of every label, float32 (n, labels) in the order of `labels_`.

        Rows sum to 1, unless `multilabel`. Raises UsageError before `fit`, and DataError for features of another
        encoder or without the probe's layers.
        """
        self._need_fit()
        cached = examples if isinstance(examples, CachedExamples) else CachedExamples(examples)
        self._fits(cached)
        head = get_head(self.config.head)
        inputs = Inputs.of(cached, self.layers_, self.config, frames=_takes_frames(head))
        if rows is not None:
            inputs = inputs.take(row_numbers(rows, len(cached)))
        if not len(inputs.values):
            return np.zeros((0, len(self.labels_)), dtype=np.float32)
        if isinstance(head, SolvedHead):
            return predict_solved(head, self.config, self.fitted_, inputs)
        return predict_trained(head, self.config, self.fitted_, inputs)

    def predict(self, examples: Examples | CachedExamples, *, rows: Rows | None = None) -> list[Any]:
        """The best label of each example; with `multilabel` all labels that score above 0.5."""
        scores = self.predict_proba(examples, rows=rows)
        return list(LabelCoder(self.labels_, self.config.multilabel).decode(scores))

    def score(
        self,
        examples: Examples | CachedExamples,
        labels: Labels,
        *,
        metric: str | None = None,
        rows: Rows | None = None,
    ) -> float:
        """A metric of `evaluation.METRICS` on labelled examples; by default accuracy, with `multilabel` macro mAP."""
        from tymbal.evaluation import get_metric

        if rows is not None:
            _same_length(len(examples), labels=labels, groups=None)
            rows = row_numbers(rows, len(examples))
        scores = self.predict_proba(examples, rows=rows)
        coder = LabelCoder(self.labels_, self.config.multilabel)
        metric = metric or ("cmap" if self.config.multilabel else "accuracy")
        given = _listed(labels)
        chosen = given if rows is None else [given[row] for row in rows]
        _same_length(len(scores), labels=chosen, groups=None)
        truth = coder.encode(chosen)
        if self.config.multilabel:
            return measure(metric, truth.astype(bool), scores)
        numbers = truth.argmax(axis=1)
        return measure(metric, numbers, scores if get_metric(metric).takes == "scores" else scores.argmax(axis=1))

    def layer_weights(self) -> dict[str, float] | None:
        """The softmax weight of each layer; None where one layer, or a head without weights, was fitted."""
        self._need_fit()
        weights = self.notes_.get("layer_weights")
        return None if weights is None else dict(zip(self.layers_, weights, strict=True))

    def save(self, path: str | Path) -> Path:
        """Write the fitted probe as one safetensors file, atomically; `Probe.load` reads it. Returns the path."""
        from tymbal.probes.files import save_probe

        self._need_fit()
        return save_probe(self, Path(path))

    @classmethod
    def load(
        cls, path: str | Path, *, encoder_checksum: str | None = None, layers: Sequence[str] | None = None
    ) -> Probe:
        """Read a probe that `save` wrote; its predictions equal those of the saved one bit for bit.

        With `encoder_checksum` and `layers` of the features at hand, a probe made for others is refused here
        (DataError); `predict` refuses them in any case.
        """
        from tymbal.probes.files import load_probe

        probe = load_probe(Path(path))
        if encoder_checksum is not None:
            probe.check_encoder(encoder_checksum, where=path)
        if layers is not None:
            probe.check_layers(layers, where=path)
        return probe

    def check_encoder(self, checksum: str, *, where: object = None) -> None:
        """Raise DataError where features come from another encoder than those the probe was fitted to."""
        if checksum != self.encoder_checksum_:
            raise DataError(
                f"these features come from encoder {checksum or 'unknown'}, the probe was fitted to "
                f"{self.encoder_checksum_ or 'features of no encoder'}",
                where=where or "probe",
                mend="Embed with the encoder and the settings of the probe, or fit a new probe.",
            )

    def check_layers(self, layers: Sequence[str], *, where: object = None) -> None:
        """Raise DataError where a layer that the probe taps is not among `layers`."""
        missing = [layer for layer in self.layers_ if layer not in layers]
        if missing:
            raise DataError(
                f"the probe taps layer {missing[0]!r}, which these features do not hold",
                where=where or "probe",
                allowed=", ".join(layers),
                mend="Embed again with this layer.",
            )

    def _fits(self, cached: CachedExamples) -> None:
        self.check_encoder(cached.examples.encoder_checksum)
        self.check_layers(cached.names)
        dims = cached.dims(self.layers_)
        if dims != self.dims_:
            raise DataError(f"layers of {dims} values a frame, fitted to {self.dims_}", where="probe")

    def _need_fit(self) -> None:
        if not hasattr(self, "fitted_"):
            raise UsageError("this probe is not fitted yet", where="Probe", mend="Call fit(examples, labels) first.")


def row_numbers(rows: Rows, n: int) -> NDArray[np.int64]:
    """Numbers of the chosen of n examples, int64 (chosen,), from such numbers or from a mask of n True and False.

    Raises DataError for a mask of another length, numbers outside 0 to n-1 and what is neither.
    """
    given = np.asarray(rows)
    if given.dtype == np.bool_ and given.shape == (n,):
        return np.flatnonzero(given)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise DataError(
            f"rows of {given.dtype} and shape {given.shape}", where="rows", allowed=f"numbers, or {n} bools"
        )
    outside = given[(given < 0) | (given >= n)]
    if outside.size:
        raise DataError(f"row {outside[0]} of {n} examples", where="rows", allowed=f"0 to {n - 1}")
    return given.astype(np.int64)


def _takes_frames(head: TrainedHead | SolvedHead) -> bool:
    return isinstance(head, TrainedHead) and head.takes == "frames"


def _listed(labels: Any) -> list[Any]:
    """A list by place: columns of data frames may number their rows otherwise."""
    return list(labels.tolist() if hasattr(labels, "tolist") else labels)


def _known(groups: Sequence[str]) -> list[str]:
    given = list(groups)
    for row, group in enumerate(given):
        if group is None or group != group:
            raise DataError(
                f"group {group!r} of example {row}",
                where="groups",
                allowed="a name for each",
                mend="Name each unknown one apart, or leave these examples out.",
            )
    return given


def _heard(cached: CachedExamples, layers: tuple[str, ...], rows: NDArray[np.int64]) -> None:
    if len(rows) and not any(cached.examples.masks[layer][rows].any() for layer in layers):
        raise DataError(
            f"none of {len(rows)} examples has a real frame",
            where="layers " + ", ".join(layers),
            mend="Look at the masks (True is real), or at how the examples were cut.",
        )


def _same_length(examples: int, *, labels: Sequence[object], groups: Sequence[object] | None) -> None:
    for name, values in (("labels", labels), ("groups", groups)):
        if values is not None and len(values) != examples:
            raise DataError(f"{len(values)} {name} for {examples} examples", where=name, allowed="one for each")
