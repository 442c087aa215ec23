"""Published checkpoints into encoders: every key accounted for, every setting traced to where it was stated."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tymbal.encoders.contract import Encoder
from tymbal.encoders.loading.classifier import Classifier, read_classifier
from tymbal.encoders.loading.container import Container, read_container
from tymbal.encoders.loading.labels import read_labels
from tymbal.encoders.loading.layout import Layout, Rule, State
from tymbal.encoders.loading.layouts import LAYOUTS
from tymbal.encoders.loading.looks import looks_like
from tymbal.encoders.loading.selftest import PREFIX, run_selftest, stored_selftest
from tymbal.encoders.sums import OWN_WEIGHTS, SUMS, check_sums
from tymbal.encoders.transformers import load_folder, wrapper_for
from tymbal.errors import EncoderError

CONSTANT_TOLERANCE = 1e-3  # of a constant's largest value: published files hold them in float32, some rounded


@dataclass(frozen=True)
class Loaded:
    """What `load_checkpoint` found.

    encoder : with every weight from the file.
    unexpected : keys of the file that nothing here knows; look at them before trusting the features.
    ignored : keys that are known and not needed (training heads, averages).
    labels : of the classifier, in class order; None where the file brings none.
    classifier : the file's linear head; None where it has none.
    metadata : container, layout, config (all fields), stated, from_shapes, given, assumed (fields that neither the
        file nor the caller stated, so the encoder's defaults stand), self_test; of our own files files_checked (whose
        hashes were as published) and licence.
    layout : name of the key layout.
    """

    encoder: Encoder
    unexpected: tuple[str, ...]
    ignored: tuple[str, ...]
    labels: tuple[str, ...] | None
    classifier: Classifier | None
    metadata: dict[str, Any]
    layout: str


@dataclass(frozen=True)
class _Match:
    """A layout that fits a file: the prefix of its keys and the rules that take them, by file key."""

    layout: Layout
    prefix: str
    taken: Mapping[str, list[tuple[Rule, str]]]


def load_checkpoint(path: str | Path, encoder: str | None = None, *, frozen: bool = True, **config: Any) -> Loaded:
    """Load published weights from any container and key layout that is known.

    Parameters
    ----------
    path : a safetensors or PyTorch file, or a folder with one; JSON settings and labels beside it are read too. Of a
        folder that `tymbal encoders publish` wrote every file's hash and the reference outputs are checked.
    encoder : registered name that the file must be for; None: what its keys say.
    frozen : evaluation mode for good, no gradients.
    config : fields of the encoder's configuration that override what the file states.

    Raises
    ------
    EncoderError for a file that is no container of weights, would run code, looks like another encoder's, lacks a
    key (by the file's own name) or has one of another shape, states a setting that the encoder does not have, or
    fails its self-test. ConfigError for an unknown field in `config`.
    """
    folder, files = Path(path), 0
    if (folder / OWN_WEIGHTS).is_file() and (folder / SUMS).is_file():
        files = check_sums(folder)
    if (wrapper := wrapper_for(Path(path), encoder)) is not None:
        return _wrapped(Path(path), wrapper, frozen, config)
    container = read_container(path)
    if container.header.get("format", "").startswith("tymbal-encoder"):
        return _own(container, encoder, frozen, config, files)
    match = _choose(container, encoder)
    _check_settings(match.layout, container)
    state, sources = _collect(match, container)
    fields, trace = _configure(match, container, state, config)
    built = _build(match.layout.encoder, fields, frozen)
    _load(built, match, state, sources, container)
    used = _check_constants(built.config, match, container)
    classifier, head = _classifier(match, container)
    used |= head
    rest = [key for key in container.tensors if key not in match.taken and key not in used]
    rest = [key for key in rest if not key.startswith(PREFIX)]
    rest += [f"{key} (no tensor)" for key in container.leftover]
    ignored = [
        key for key in rest if match.layout.is_ignored(key.removesuffix(" (no tensor)").removeprefix(match.prefix))
    ]
    labels = _labels(container, classifier)
    stored = stored_selftest(container.tensors, container.path)
    trace["self_test"] = run_selftest(built, stored, where=container.path) if stored else "none stored"
    return Loaded(
        encoder=built,
        unexpected=tuple(sorted(set(rest) - set(ignored))),
        ignored=tuple(sorted(ignored)),
        labels=labels,
        classifier=classifier,
        metadata={"container": container.kind, "prefix": match.prefix, **trace},
        layout=match.layout.name,
    )


def _wrapped(path: Path, name: str, frozen: bool, config: dict[str, Any]) -> Loaded:
    """A folder of the transformers library."""
    found = load_folder(path, name, frozen=frozen, **config)
    trace = {"stated": found.stated, "given": dict(config), "assumed": list(found.assumed)}
    metadata = {"container": "safetensors", **trace, "self_test": "none stored"}
    return Loaded(found.encoder, found.unexpected, found.ignored, None, None, metadata, f"{name}, the hub's folder")


def _own(container: Container, encoder: str | None, frozen: bool, config: dict[str, Any], files: int) -> Loaded:
    """A file of `save_encoder`: loaded by its own reader, or with fields overridden, by key.

    What `publish` puts beside it is read too: labels, the linear head, reference outputs.
    """
    from tymbal.encoders.checkpoint import as_saved, load_encoder, load_state

    name = container.header.get("name", "")
    if encoder is not None and encoder != name:
        raise EncoderError(f"this file holds the encoder {name!r}", where=container.path, allowed=repr(encoder))
    if config:
        stored = container.stated("config") or dict(container.facts[0])
        built = _build(name, {**stored, **config}, frozen)
        load_state(built, as_saved(container.header, container.tensors), where=container.path)
    else:
        built = load_encoder(container.path, frozen=frozen)
    stored = stored_selftest({}, container.path)
    told = run_selftest(built, stored, where=container.path, exact=not config) if stored else "none stored"
    head = read_classifier(container.path)
    metadata = {"container": "tymbal", "given": config, "self_test": told, "files_checked": files}
    metadata["licence"] = container.stated("licence")
    return Loaded(built, (), (), _labels(container, head), head, metadata, "tymbal")


def _build(name: str, fields: Mapping[str, Any], frozen: bool) -> Encoder:
    from tymbal.encoders.registry import create_encoder

    return create_encoder(name, frozen=frozen, **fields)


def _match(layout: Layout, container: Container) -> _Match | None:
    prefix = layout.prefix(container.tensors)
    if prefix is None:
        return None
    taken = {
        key: rules
        for key in container.tensors
        if key.startswith(prefix) and (rules := layout.map(key.removeprefix(prefix)))
    }
    if any(layout.is_foreign(key) for key in container.tensors):
        return None
    return _Match(layout, prefix, taken)


def _choose(container: Container, encoder: str | None) -> _Match:
    """The layout that takes most keys of the file; EncoderError where none does or it is another encoder's."""
    matches = [match for layout in LAYOUTS if (match := _match(layout, container)) is not None]
    best = max(matches, key=lambda match: len(match.taken), default=None)
    if best is None:
        what, taker = looks_like(container.tensors)
        raise EncoderError(
            f"this looks like {what}",
            where=container.path,
            allowed=", ".join(layout.name for layout in LAYOUTS),
            mend=f"The encoder {taker!r} is the one for such weights." if taker else None,
        )
    if encoder is not None and best.layout.encoder != encoder:
        raise EncoderError(
            f"this looks like {best.layout.name}, not like weights of {encoder!r}",
            where=container.path,
            mend=f"The encoder {best.layout.encoder!r} would take it.",
        )
    return best


def _check_settings(layout: Layout, container: Container) -> None:
    for name, allowed in layout.required_settings.items():
        value = container.stated(name)
        # A name may serve two purposes (a kernel size here, a list of them there): only like is compared with like.
        if value is None or not any(type(value) is type(option) for option in allowed):
            continue
        if value not in allowed:
            raise EncoderError(
                f"the file states {name} = {value!r}, which the encoder {layout.encoder!r} does not have",
                where=container.path,
                allowed=", ".join(map(repr, allowed)),
            )
    for first, second in layout.equal_settings:
        values = container.stated(first), container.stated(second)
        if None not in values and values[0] != values[1]:
            raise EncoderError(
                f"the file states {first} = {values[0]!r} and {second} = {values[1]!r}",
                where=container.path,
                allowed=f"one value for both in the encoder {layout.encoder!r}",
            )


def _check_constants(config: Any, match: _Match, container: Container) -> set[str]:
    """Compare the file's constants with those of `config`; gives the keys that were compared."""
    seen = set()
    for constant in match.layout.constants:
        key = match.prefix + constant.key
        found = container.tensors.get(key)
        if found is None:
            continue
        seen.add(key)
        expected = constant.expected(config)
        if found.shape != expected.shape:
            raise EncoderError(
                f"{key} has shape {tuple(found.shape)}",
                where=container.path,
                allowed=f"{tuple(expected.shape)} with the configuration {config}",
                mend="Check the front end that the file or you state.",
            )
        difference = float((found.float() - expected).abs().max()) / float(expected.abs().max())
        if not difference <= CONSTANT_TOLERANCE:
            raise EncoderError(
                f"{key} differs by {difference:.2g} of its range from what the configuration gives",
                where=container.path,
                allowed=f"the front end of {config}",
                mend="The weights were trained behind another front end (sample rate, window or band limits).",
            )
    return seen


def _collect(match: _Match, container: Container) -> tuple[dict[str, tuple[Rule, Tensor]], dict[str, str]]:
    """Per encoder key the rule and the file's tensor, and the file's key; two keys for one must agree."""
    state: dict[str, tuple[Rule, Tensor]] = {}
    sources: dict[str, str] = {}
    for key, rules in match.taken.items():
        tensor = container.tensors[key]
        for rule, target in rules:
            if target in state and sources[target] != key and not torch.equal(state[target][1], tensor):
                raise EncoderError(
                    f"{key} and {sources[target]} should hold the same values and do not",
                    where=container.path,
                    allowed=f"one tensor, shared, for {target}",
                )
            state.setdefault(target, (rule, tensor))
            sources.setdefault(target, key)
    return state, sources


def _configure(
    match: _Match, container: Container, state: Mapping[str, tuple[Rule, Tensor]], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The encoder's configuration and where each field comes from: variant, shapes, statements, caller; last wins."""
    layout = match.layout
    fields: dict[str, Any] = dict(layout.defaults)
    variants = [
        variant
        for variant in layout.variants
        if variant.prefix == match.prefix or (variant.wrapper is not None and variant.wrapper in container.sections)
    ]
    for variant in variants:
        fields.update(variant.defaults)
    constants = {
        constant.key: container.tensors[match.prefix + constant.key]
        for constant in layout.constants
        if match.prefix + constant.key in container.tensors
    }
    shapes = layout.sizes({**{target: tensor for target, (_, tensor) in state.items()}, **constants})
    stated = {}
    for name, sources in layout.settings.items():
        value = next((value for source in sources if (value := container.stated(source)) is not None), None)
        if value is not None and not isinstance(value, Mapping | list):
            stated[name] = layout.values.get(name, {}).get(value, value)
    told = {**fields, **shapes, **stated, **given}
    assumed = sorted(name for name in layout.inferred if name not in stated and name not in given)
    trace = {
        "variant": ", ".join(variant.name for variant in variants) or None,
        "from_shapes": shapes,
        "stated": stated,
        "given": dict(given),
        "assumed": assumed,
    }
    return told, trace


def _load(
    built: Encoder,
    match: _Match,
    state: Mapping[str, tuple[Rule, Tensor]],
    sources: Mapping[str, str],
    container: Container,
) -> None:
    """Fill the encoder, every key present and of its shape."""
    own = built.state_dict()
    _refuse_missing([key for key in own if key not in state and not match.layout.is_optional(key)], match, container)
    ready: State = {}
    for key, expected in own.items():
        if key not in state:
            continue
        rule, tensor = state[key]
        tensor = rule.take(tensor, built.config) if rule.take else tensor
        if tensor.shape != expected.shape:
            raise EncoderError(
                f"{sources[key]} has shape {tuple(tensor.shape)}",
                where=container.path,
                allowed=f"{tuple(expected.shape)} with the configuration {built.config}",
                mend="Check the sizes that the file or you state.",
            )
        if tensor.is_floating_point() != expected.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise EncoderError(f"{sources[key]} holds values that are not finite numbers", where=container.path)
        ready[key] = tensor.to(expected.dtype)
    foreign = sorted(set(state) - set(own))
    if foreign:
        raise EncoderError(
            f"{sources[foreign[0]]} has no place in the configuration {built.config}",
            where=container.path,
            mend="Check the number of blocks and the norms that the file or you state.",
        )
    built.load_state_dict({**own, **ready}, strict=True)


def _refuse_missing(missing: list[str], match: _Match, container: Container) -> None:
    if not missing:
        return
    names = [match.prefix + match.layout.source_of(key) for key in missing]
    loose = [key for key in container.tensors if key not in match.taken]
    near = difflib.get_close_matches(names[0], loose, n=1, cutoff=0.8)
    raise EncoderError(
        f"{len(names)} keys are missing: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}",
        where=container.path,
        allowed=f"all keys of {match.layout.name}",
        mend=f"The file has {near[0]!r} instead: is it misnamed?" if near else "The file is not whole.",
    )


def _classifier(match: _Match, container: Container) -> tuple[Classifier | None, set[str]]:
    """The file's linear head, looked for behind the prefix and outside it, and the keys it takes."""
    for name in match.layout.classifiers:
        for stem in dict.fromkeys((match.prefix + name, name, f"model.{name}")):
            weight, bias = container.tensors.get(f"{stem}.weight"), container.tensors.get(f"{stem}.bias")
            if weight is not None and weight.ndim == 2:
                used = {f"{stem}.weight"} | ({f"{stem}.bias"} if bias is not None else set())
                hidden, more = _hidden(match, container)
                return Classifier(weight.float(), None if bias is None else bias.float(), hidden), used | more
    return None, set()


def _hidden(match: _Match, container: Container) -> tuple[Classifier | None, set[str]]:
    """The linear map before the head, where the layout has one and the file holds it."""
    keys = [f"{match.prefix}{match.layout.hidden}.{part}" for part in ("weight", "bias")]
    if not match.layout.hidden or not all(key in container.tensors for key in keys):
        return None, set()
    weight, bias = (container.tensors[key].float() for key in keys)
    return Classifier(weight, bias), set(keys)


def _labels(container: Container, classifier: Classifier | None) -> tuple[str, ...] | None:
    if container.labels is None:
        return None
    labels = read_labels(container.labels, where=container.path)
    if classifier is not None and len(labels) != classifier.weight.shape[0]:
        raise EncoderError(
            f"{len(labels)} labels for a head of {classifier.weight.shape[0]} classes",
            where=container.path,
            mend="The label file beside the weights belongs to another head; take it away or replace it.",
        )
    return labels
