"""Online code length: how many bits the labels take when a probe, taught as it goes, predicts them.

Probe accuracy alone cannot tell a label that is laid out plainly from one that is dug out with many examples. The
prequential code (Voita & Titov 2020, arXiv 2003.12298, section 2.3.2; Dawid 1984) can: the examples are sent in
blocks, each coded by the probe fitted to all blocks before it, the first one by the uniform code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.evaluation import estimate_ratio
from tymbal.probes.diagnostics.base import Context, Diagnostic, Found, LabelledFit, Rows
from tymbal.probes.diagnostics.scored import in_words, listed, plain
from tymbal.training import derive_seed

FIRST = 8  # examples of the smallest block, at least; and 2 per label
PRIORS = (0.5, 2.0, 8.0, 32.0, math.inf)  # examples of each label that frequencies start with; the best is compared
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """Examples `rows` in the order in which they are coded, after the examples `seen`; `fit` is fitted to these.

    Without a fit the block is coded uniformly (nothing seen) or, where all seen have one label, by that label.
    """

    seen: Rows
    rows: Rows
    fit: LabelledFit | None


def plan(context: Context) -> dict[str, list[list[Block]]]:
    """Per probe and order the blocks with the fits that code them."""
    asked: dict[str, list[list[Block]]] = {name: [] for name in context.probes}
    for number in range(context.config.orders):
        rows, ends = ordered(context, number)
        for probe in context.probes.items():
            blocks = [Block(rows[:0], rows[: ends[0]], None)]
            blocks += [_block(context, probe, number, rows[:start], rows[start:stop]) for start, stop in pairwise(ends)]
            asked[probe[0]].append(blocks)
    return asked


def ordered(context: Context, number: int) -> tuple[Rows, list[int]]:
    """(rows, ends of blocks): whole groups of the split in random order, blocks about doubling.

    Where test examples are named they are left out: the code is one of the training examples.
    """
    task = context.task
    rows = np.arange(len(task.reference)) if context.several_folds else task.rows(task.test_folds[0])[0]
    names, member = np.unique(task.groups[rows], return_inverse=True)
    random = np.random.default_rng(derive_seed("code order", context.config.seed, number))
    rank = random.permutation(len(names))[member.ravel()]
    order = np.argsort(rank, kind="stable")
    group_ends = np.flatnonzero(np.diff(rank[order], append=-1)) + 1
    return rows[order], block_ends(group_ends, max(FIRST, 2 * len(task.labels)))


def block_ends(group_ends: NDArray[np.int64], first: int) -> list[int]:
    """Ends of all blocks: n, and n / 2, n / 4, ... down to `first`, each moved to the nearest end of a group."""
    total, wanted = int(group_ends[-1]), []
    size = total / 2
    while size >= min(first, total / 2):
        wanted.append(size)
        size /= 2
    inner = group_ends[:-1]
    found = {int(inner[np.abs(inner - each).argmin()]) for each in wanted if len(inner)}
    return [*sorted(found), total]


def _block(context: Context, probe: tuple[str, Any], order: int, seen: Rows, rows: Rows) -> Block:
    if len(np.unique(context.task.targets[seen].argmax(axis=1))) < 2:
        return Block(seen, rows, None)
    fit = context.book.ask(probe, fold=f"order {order}", part=f"after {len(seen)}", train=seen, test=rows)
    return Block(seen, rows, fit)


def bits(scores: Floats, truth: Rows, counts: NDArray[np.int64]) -> Floats:
    """Bits (n,) of coding `truth` (label numbers, in this order) with `scores` (n, labels); `counts` (labels,) seen.

    Three parts, each a proper code, so that nothing costs infinitely many bits:

    - where labels are left that were never seen, whether this is one of them: p = (m + 1/2) / (t + 1) after t
      examples of the block of which m were new (Krichevsky & Trofimov 1981);
    - if so which: p = (times in this block + 1/2) / (m + new labels / 2);
    - if not, the scores of the labels seen, as if one in counts.sum() + 1 examples had a label drawn evenly.
    """
    seen = counts > 0
    new = ~seen[truth]
    share, labels = 1.0 / (int(counts.sum()) + 1), int(seen.sum())
    known = scores[:, seen].sum(axis=1)
    chosen = np.divide(scores[np.arange(len(truth)), truth], known, out=np.zeros(len(truth)), where=known > 0)
    spent = np.zeros(len(truth))
    spent[~new] = -np.log2((1 - share) * chosen[~new] + share / max(labels, 1))
    if seen.all():
        return spent
    before: Rows = np.cumsum(new) - new
    p_new = (before + 0.5) / (np.arange(len(truth)) + 1)
    times = np.zeros(len(truth))
    for label in np.unique(truth[new]):
        own = truth == label
        times[own] = np.arange(own.sum())
    which = (times + 0.5) / (before + (~seen).sum() / 2)
    return np.asarray(np.where(new, -np.log2(p_new * which), spent - np.log2(1 - p_new)))


def frequencies(counts: NDArray[np.int64], prior: float) -> Floats:
    """Scores (labels,) without any sound: (count + prior) / (all + prior * labels seen), 0 for a label never seen."""
    seen = counts > 0
    if math.isinf(prior):
        return np.where(seen, 1.0 / seen.sum(), 0.0)
    return np.where(seen, (counts + prior) / (counts.sum() + prior * seen.sum()), 0.0)


def without_sound(context: Context, orders: Sequence[Sequence[Block]]) -> Floats:
    """Bits (orders, examples) of the shortest code by label frequencies alone, in the same blocks as the probes.

    Probes shrink what few examples tell, and so must their opponent: else they would seem to read random labels.
    """
    codes = []
    for prior in PRIORS:

        def scores_of(block: Block, counts: NDArray[np.int64], prior: float = prior) -> Floats:
            return frequencies(counts, prior)

        codes.append(_coded(context, orders, scores_of))
    return min(codes, key=lambda spent: float(spent.sum()))


def conclude(context: Context, asked: dict[str, list[list[Block]]], found: Found) -> dict[str, Any]:
    """One row per probe: total bits, bits per example and saved with intervals, compression, the learning curve."""
    orders = next(iter(asked.values()))
    alone = without_sound(context, orders)
    coded = np.sort(np.concatenate([block.rows for block in orders[0]]))
    rows = [_row(context, name, own, coded, alone, found) for name, own in asked.items()]
    labels = len(context.task.labels)
    uniform = len(coded) * math.log2(labels)
    examples = "Folds are tested in turn, so all examples are coded: choose nothing by this."
    notes = [
        f"{len(coded)} examples of {labels} labels, whole groups of the split in {context.config.orders} random "
        "orders; the first block costs log2(labels) bits each. "
        + (examples if context.several_folds else "Training examples alone.")
    ]
    return {
        "rows": rows,
        "uniform_bits": uniform,
        "frequency_bits": float(alone.sum(axis=1).mean()),
        "frequency_curves": _curves(orders, alone),
        "examples": len(coded),
        "labels": labels,
        "reading": _reading(rows, uniform, float(alone.sum(axis=1).mean())),
        "notes": notes,
    }


def _row(
    context: Context, probe: str, orders: Sequence[Sequence[Block]], coded: Rows, alone: Floats, found: Found
) -> dict[str, Any]:
    task = context.task

    def by_probe(block: Block, counts: NDArray[np.int64]) -> Floats:
        return frequencies(counts, 0.5) if block.fit is None else found[block.fit].scores.astype(np.float64)

    spent = _coded(context, orders, by_probe)
    totals, units = spent.sum(axis=1), task.units[coded].tolist()

    def per_example(values: Floats) -> dict[str, Any]:
        mean = values.mean(axis=0)[coded]
        ones, least = np.ones(len(coded)), (0.0 if (mean >= 0).all() else -np.inf)  # savings may be below 0, bits not
        return plain(estimate_ratio(mean, ones, groups=units, unit_name=task.unit_name, bounds=(float(least), np.inf)))

    curves = _curves(orders, spent)
    last = float(np.mean([curve[-1][2] for curve in curves]))
    return {
        "probe": probe,
        "bits": float(totals.mean()),
        "bits_low": float(totals.min()),
        "bits_high": float(totals.max()),
        "bits_per_example": per_example(spent),
        "saved_per_example": per_example(alone - spent),
        "compression": float(len(coded) * math.log2(len(task.labels)) / totals.mean()),
        "learning_bits": float(totals.mean() - len(coded) * last),
        "curves": curves,
    }


def _coded(
    context: Context, orders: Sequence[Sequence[Block]], scores_of: Callable[[Block, NDArray[np.int64]], Floats]
) -> Floats:
    """Bits (orders, examples of the task) of every example, 0 where it is not coded.

    scores_of : (block, label counts before it) -> scores (examples, labels) or (labels,).
    """
    task = context.task
    numbers, labels = task.targets.argmax(axis=1), len(task.labels)
    spent = np.zeros((len(orders), len(numbers)))
    for order, blocks in enumerate(orders):
        for block in blocks:
            if not len(block.seen):
                spent[order, block.rows] = math.log2(labels)
                continue
            counts = np.bincount(numbers[block.seen], minlength=labels)
            scores = np.broadcast_to(scores_of(block, counts), (len(block.rows), labels))
            spent[order, block.rows] = bits(scores, numbers[block.rows], counts)
    return spent


def _curves(orders: Sequence[Sequence[Block]], spent: Floats) -> list[list[list[float]]]:
    """Per order and block [examples seen, examples coded, bits per example]."""
    return [
        [[len(block.seen), len(block.rows), float(spent[order, block.rows].mean())] for block in blocks]
        for order, blocks in enumerate(orders)
    ]


def _reading(rows: Sequence[Mapping[str, Any]], uniform: float, alone: float) -> str:
    best = min(rows, key=lambda row: float(row["bits"]))
    text = (
        f"Without any sound the labels take {uniform:.0f} bits, knowing how frequent each is {alone:.0f}.\n"
        f"Shortest code: {best['probe']}, {best['bits']:.0f} bits, compression {best['compression']:.1f} "
        f"({in_words(best['bits_per_example'])} bits per example)."
    )
    blind = [str(row["probe"]) for row in rows if not _saves(row)]
    if blind:
        text += f"\nNot shown to be shorter than by frequencies: {listed(blind)}; "
        text += "from so few examples no label is read."
    slow = [str(row["probe"]) for row in rows if _saves(row) and row["learning_bits"] > 0.5 * row["bits"]]
    if slow:
        text += f"\nMore than half of the bits were spent on learning in {listed(slow)}: it takes many examples."
    return text


def _saves(row: Mapping[str, Any]) -> bool:
    saved = row["saved_per_example"]
    return bool((saved["value"] if saved["low"] is None else saved["low"]) > 0)


CODE_LENGTH = Diagnostic("code_length", "Bits to tell the labels", "folds in turn", plan, conclude)
