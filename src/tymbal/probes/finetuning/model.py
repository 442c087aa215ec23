"""The fine-tuned model: a probe and the encoder below it, trained together. In scikit-learn's manners."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from tymbal.config import to_plain, with_fields
from tymbal.encoders.contract import Encoder
from tymbal.encoders.windows import rate_layout
from tymbal.errors import DataError, UsageError
from tymbal.features import Examples
from tymbal.jobs import Progress
from tymbal.probes.finetuning.adapters import check_trainable, merge_low_rank
from tymbal.probes.finetuning.config import FinetuneConfig
from tymbal.probes.finetuning.frozen import frozen_examples
from tymbal.probes.finetuning.sounds import EventSounds, HasRecordings
from tymbal.probes.finetuning.tuning import Labelled, Tuned, logits_of, tapped, tune
from tymbal.probes.grouping import validation_rows
from tymbal.probes.labels import LabelCoder, Labels
from tymbal.probes.pooling import Array, CachedExamples
from tymbal.probes.probe import Rows, row_numbers
from tymbal.training.device import usable_device


class FineTuned:
    """An encoder and a head trained together on the sound of labelled events.

    The constructor only stores the configuration; `fit` checks it and sets attributes that end in "_":

    layers_ : the layers that the head taps. labels_ : label names, the columns of `predict_proba`.
    encoder_name_, encoder_config_, encoder_checksum_ : the encoder before training.
    source_ : what the encoder was opened from, as `open_encoder` takes it; "" where `fit` was not told.
    notes_ : epochs, validation before and after, how many parameters were trained, and the like.

    Examples
    --------
    >>> model = FineTuned(mode="lora", segment_s=5.0)  # doctest: +SKIP
    >>> model.fit(encoder, model.sounds(corpus, events, encoder), labels, groups=sessions)  # doctest: +SKIP
    >>> model.predict(model.sounds(corpus, other_events))  # doctest: +SKIP
    """

    layers_: tuple[str, ...]
    labels_: tuple[str, ...]
    dims_: tuple[int, ...]
    encoder_name_: str
    encoder_config_: dict[str, Any]
    encoder_checksum_: str
    source_: dict[str, Any]
    notes_: dict[str, Any]
    tuned_: Tuned

    def __init__(self, config: FinetuneConfig | None = None, **fields: Any) -> None:
        self.config = with_fields(config or FinetuneConfig(), fields)

    def __repr__(self) -> str:
        state = f"{len(self.labels_)} labels" if hasattr(self, "tuned_") else "not fitted"
        return f"FineTuned({self.config.mode}, {self.config.head}, {state})"

    def fit(
        self,
        encoder: Encoder,
        sounds: EventSounds,
        labels: Labels,
        *,
        groups: Sequence[str] | None = None,
        rows: Rows | None = None,
        watch: Rows | None = None,
        frozen: Examples | CachedExamples | None = None,
        source: dict[str, Any] | None = None,
        device: str | torch.device | None = None,
        directory: Path | None = None,
        progress: Progress | None = None,
        stop: Callable[[int], bool] | None = None,
    ) -> FineTuned:
        """Train a copy of `encoder` and a head on labelled events, and return self.

        Parameters
        ----------
        encoder : with float32 weights; it is left as it is.
        sounds : of n events. labels : n names, or with `multilabel` n lists of names.
        groups : n names of what events depend on each other through; early stopping watches whole groups.
        rows, watch : as `Probe.fit`.
        frozen : features of the n events, where they are at hand: from `features.examples` on a store of the same
            encoder and segments, with `frames` of the configuration.
        source : what to open the encoder from when the file is loaded elsewhere: keywords of `open_encoder`.
        device : "cpu", "cuda"; None: CUDA where torch has it.
        directory : keeps checkpoints, each run in its own folder; one found there is taken up, and ends as one that
            was never stopped (same machine and threads, CPU).
        stop : see `training.train`; the model is then not fitted, and the same call goes on.

        Raises EncoderError for an encoder that cannot be trained in this mode; DataError and UsageError as
        `Probe.fit`.
        """
        config = self.config
        config.check()
        check_trainable(encoder)
        self._check_sounds(sounds, encoder)
        for name, values in (("labels", labels), ("groups", groups)):
            if values is not None and len(values) != len(sounds):
                raise DataError(f"{len(values)} {name} for {len(sounds)} events", where=name, allowed="one for each")
        layers = tapped(config, encoder)
        place = usable_device(device)
        coder, targets, trained, watched = self._rows(len(sounds), labels, groups, rows, watch)
        if frozen is None:
            frozen = frozen_examples(_on(encoder, place), layers, sounds, config, progress=progress)
        cached = frozen if isinstance(frozen, CachedExamples) else CachedExamples(frozen)
        _same_events(cached, sounds)
        events = Labelled(sounds, cached, targets, trained, watched if len(watched) else None)
        found = tune(encoder, layers, config, events, device=place, directory=directory, progress=progress, stop=stop)
        if found is None:
            return self
        self.tuned_, self.notes_ = found, found.notes
        self.layers_, self.labels_, self.dims_ = layers, coder.names, cached.dims(layers)
        self.encoder_name_, self.encoder_config_ = encoder.name, to_plain(encoder.config)
        self.encoder_checksum_, self.source_ = encoder.checksum, dict(source or {})
        return self

    def _rows(
        self, n: int, labels: Labels, groups: Sequence[str] | None, rows: Rows | None, watch: Rows | None
    ) -> tuple[LabelCoder, Array, NDArray[np.int64], NDArray[np.int64]]:
        """Labels coded, targets (n, classes), rows to train on and rows to watch, perhaps none."""
        config = self.config
        chosen = np.arange(n) if rows is None else row_numbers(rows, n)
        coder = LabelCoder.learn([labels[row] for row in chosen], multilabel=config.multilabel)
        targets = np.zeros((n, len(coder.names)), dtype=np.float32)
        targets[chosen] = coder.encode([labels[row] for row in chosen])
        if watch is not None:
            held = row_numbers(watch, n)
            targets[held] = coder.encode([labels[row] for row in held], known=True)
            return coder, targets, chosen, held if config.multilabel else held[targets[held].any(axis=1)]
        named = np.arange(n).astype(str) if groups is None else np.asarray(groups, dtype=str)
        apart = validation_rows(
            named[chosen].tolist(), targets[chosen], config.validation_fraction, seed=config.training.seed
        )
        return coder, targets, chosen[~apart], chosen[apart]

    def predict_proba(self, sounds: EventSounds, *, rows: Rows | None = None) -> Array:
        """Scores 0–1 of every label, float32 (n, labels) in the order of `labels_`.

        All windows of an event are heard, each by itself; rows sum to 1, unless `multilabel`.
        """
        self._need_fit()
        self._check_sounds(sounds, self.tuned_.network.encoder)
        chosen = np.arange(len(sounds)) if rows is None else row_numbers(rows, len(sounds))
        if not len(chosen):
            return np.zeros((0, len(self.labels_)), dtype=np.float32)
        with torch.no_grad():
            logits = logits_of(self.tuned_.network, sounds, chosen).cpu() / self.tuned_.temperature
        scores = torch.sigmoid(logits) if self.config.multilabel else torch.softmax(logits, dim=1)
        return np.asarray(scores.numpy(), dtype=np.float32)

    def predict(self, sounds: EventSounds, *, rows: Rows | None = None) -> list[Any]:
        """The best label of each event; with `multilabel` all labels that score above 0.5."""
        scores = self.predict_proba(sounds, rows=rows)
        return list(LabelCoder(self.labels_, self.config.multilabel).decode(scores))

    def sounds(self, corpus: HasRecordings, events: pl.DataFrame, encoder: Encoder | None = None) -> EventSounds:
        """The sound of `events` of a corpus in the segments that this model hears; see `EventSounds`.

        encoder : the one that will be trained; None: that of the fitted model.
        """
        if encoder is None:
            self._need_fit()
            encoder = self.tuned_.network.encoder
        config = self.config
        config.check()
        layers = tapped(config, encoder)
        return EventSounds(corpus, events, encoder, layers=layers, segment_s=config.segment_s, margin_s=config.margin_s)

    def _check_sounds(self, sounds: EventSounds, encoder: Encoder) -> None:
        config, found = self.config, sounds.layout
        specs = [spec for spec in encoder.layers if spec.name in tapped(config, encoder)]
        rate = encoder.sample_rate or found.sample_rate_hz
        wanted = rate_layout(specs, sample_rate_hz=rate, segment_s=config.segment_s, margin_s=config.margin_s)
        if (rate, wanted.segment_samples, wanted.margin_samples) != (
            found.sample_rate_hz,
            found.segment_samples,
            found.margin_samples,
        ):
            raise DataError(
                f"sounds at {found.sample_rate_hz} Hz in segments of {found.segment_samples} samples and margins of "
                f"{found.margin_samples}",
                where="FineTuned",
                allowed=f"{rate} Hz, {wanted.segment_samples} and {wanted.margin_samples}",
                mend="Make them with model.sounds(corpus, events).",
            )

    def encoder(self) -> Encoder:
        """A frozen copy of the encoder as training left it, adapters merged: for `save_encoder`, `embed`, probes."""
        self._need_fit()
        found = copy.deepcopy(self.tuned_.network.encoder).cpu()
        merge_low_rank(found)
        return found.freeze()

    def save(self, path: str | Path) -> Path:
        """Write the head and what training changed in the encoder as one safetensors file, atomically.

        With mode "full" the whole encoder is in it; else the encoder it was made from is opened again on loading.
        """
        from tymbal.probes.finetuning.files import save_tuned

        self._need_fit()
        return save_tuned(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, *, encoder: Encoder | None = None) -> FineTuned:
        """Read what `save` wrote; predictions equal those of the saved model bit for bit.

        encoder : the one it was made from; None: opened again from where it came, where the file does not hold it.
        Raises DataError for files that are damaged or of another format, and where the encoder is another one.
        """
        from tymbal.probes.finetuning.files import load_tuned

        return load_tuned(Path(path), encoder)

    def _need_fit(self) -> None:
        if not hasattr(self, "tuned_"):
            raise UsageError("this model is not fitted yet", where="FineTuned", mend="Call fit(...) first.")


def _on(encoder: Encoder, device: torch.device) -> Encoder:
    """The encoder itself where it lies on `device`, else a copy there."""
    here = next(encoder.parameters()).device.type
    return encoder if here == device.type else copy.deepcopy(encoder).to(device)


def _same_events(cached: CachedExamples, sounds: EventSounds) -> None:
    """Raise DataError where features are not those of the events, one for each."""
    if len(cached) == len(sounds):
        return
    lost = cached.examples.failures
    first = lost["message"][0] if lost.height else "the features are of other events"
    raise DataError(
        f"{len(cached)} of {len(sounds)} events have features; {first}",
        where="FineTuned.fit",
        mend="Leave out the others: sounds.take(rows).",
    )
