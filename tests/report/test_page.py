"""The page as a reader, a browser and a machine meet it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.report.conftest import LABELS
from tests.report.fixture import make_run, small_rows

from tymbal.errors import DataError, MissingExtraError
from tymbal.evaluation import per_class
from tymbal.report import write_report
from tymbal.report.numbers import rounded
from tymbal.report.run import open_run

VOID = {"meta", "br", "img", "col", "image", "line", "rect"}


class Reader(HTMLParser):
    """Collects elements, text and <data> numbers; complains about tags that do not close in order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.data: list[tuple[dict[str, str | None], str]] = []
        self.cells: list[list[str]] = []
        self.feed(page)
        self.close()
        assert self.open == [], "unclosed elements"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.cells.append([])
        if tag in {"td", "th"}:
            self.cells[-1].append("")
        if tag == "data":
            self.data.append((dict(attrs), ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text.append(data)
        if "data" in self.open:
            self.data[-1] = (self.data[-1][0], self.data[-1][1] + data)
        if {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture(scope="module")
def page(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("page") / "report.html"
    made = write_report(finished, out, examples=8)
    assert made.placeholders > 0, "one recording is gone and one is torn"
    assert made.examples > 0
    assert out.stat().st_size == made.size_bytes < 12e6
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    return Reader(page)


def look_up(results: Any, pointer: str) -> Any:
    """RFC 6901."""
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        results = results[int(part)] if isinstance(results, list) else results[part]
    return results


def test_the_page_needs_nothing_else(page: str, read: Reader) -> None:
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"(https?:)?//[a-z]", re.sub(r"base64,[A-Za-z0-9+/=]+", "", page))
    assert "@import" not in page
    assert "url(" not in page
    for tag, attributes in read.elements:
        assert tag not in {"script", "link", "iframe", "object", "base"}
        for name in ("src", "href", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, value)
        assert not [name for name in attributes if name.startswith("on")]
    policy = [a["content"] for t, a in read.elements if t == "meta" and "http-equiv" in a]
    assert policy == ["default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"]


def test_links_lead_somewhere_and_ids_are_unique(read: Reader) -> None:
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in read.elements:
        if tag == "a":
            assert attributes["href"][1:] in ids
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids


def test_every_number_is_the_one_in_results_json(finished: Path, read: Reader) -> None:
    results = json.loads((finished / "results.json").read_text(encoding="utf-8"))
    sourced = [(attributes, shown) for attributes, shown in read.data if "data-from" in attributes]
    for attributes, shown in sourced:
        exact = look_up(results, attributes["data-from"])
        assert float(attributes["value"]) == exact, attributes
        signed = attributes["data-from"].startswith("/differences")
        assert shown in {rounded(exact, decimals, sign=signed) for decimals in (2, 3)}, attributes
    pointers = {attributes["data-from"] for attributes, _ in sourced}
    for probe, content in results["probes"].items():
        for metric in content["metrics"]:
            for end in ("value", "low", "high"):
                assert f"/probes/{probe}/metrics/{metric}/{end}" in pointers
    assert {f"/selected/metrics/accuracy/{end}" for end in ("value", "low", "high")} <= pointers
    assert {f"/differences/0/{end}" for end in ("value", "low", "high")} <= pointers
    assert "/probes/linear-all/layer_weights/mel/0" in pointers


def test_the_label_table_and_the_confusion_matrix_are_those_of_the_predictions(finished: Path, read: Reader) -> None:
    rows = open_run(finished).shown()
    assert rows.height == 60
    assert rows["event_id"].n_unique() == 60
    both = open_run(finished).shown_seeds()
    assert both.height == 120
    table = per_class(both["reference"].to_list(), both["predicted"].to_list(), LABELS)
    lines = {cells[0]: cells for cells in read.cells if len(cells) == 7 and cells[0] in LABELS and "." in cells[-1]}
    for row in table.filter(pl.col("support") > 0).iter_rows(named=True):
        cells = lines[row["label"]]
        assert int(cells[1]) == row["support"] / 2, "examples, not examples times seeds"
        for cell, name in ((cells[3], "precision"), (cells[5], "recall"), (cells[6], "f1")):
            assert cell.startswith(rounded(row[name]))
    grid = [cells for cells in read.cells if len(cells) == len(LABELS) + 2 and cells[0] in LABELS]
    counted = np.array([[int(cell or 0) for cell in cells[1:-1]] for cells in grid])
    right = sum(r == p for r, p in zip(rows["reference"], rows["predicted"], strict=True))
    assert counted.sum() == 60
    assert np.trace(counted) == right


def test_labels_and_file_names_are_text_never_markup(page: str, read: Reader) -> None:
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>torn" not in page
    for label in LABELS:
        assert any(label in text for text in read.text)
    assert "bad/<b>torn</b>.wav" in read.words
    assert "share sessions <i>." in read.words


def test_plain_words_say_what_was_found_how_sure_and_what_not(finished: Path, read: Reader) -> None:
    results = json.loads((finished / "results.json").read_text(encoding="utf-8"))
    best = results["selected"]["metrics"]["accuracy"]
    words = read.words
    assert "Can the label of each of 60 examples, one of 4, be told from frozen spectral features?" in words
    shown = f"{best['value']:.3f} [ {best['low']:.2f} , {best['high']:.2f} ] , 12 sessions"
    assert shown in words.replace("−", "-")
    assert "resampling the 12 sessions as wholes" in words
    assert "Anything about never heard: no test example carries it." in words
    assert "the animals: 1 warning about the data, below" in words
    assert "2 earlier studies read these test examples before" in words
    assert "The seed of training alone moved" in words


def test_recordings_that_cannot_be_read_leave_a_placeholder_with_the_reason(read: Reader) -> None:
    assert "No picture or sound." in read.words
    assert "no recording 'gone.wav'" in read.words
    assert "tail.wav" in read.words


def test_every_picture_has_words_and_every_sound_a_name(read: Reader) -> None:
    pictures = [attributes for tag, attributes in read.elements if tag == "svg"]
    sounds = [attributes for tag, attributes in read.elements if tag == "audio"]
    spectrograms = [attributes for attributes in pictures if attributes.get("class") == "spectrogram"]
    others = [attributes["aria-label"] for attributes in pictures if attributes not in spectrograms]
    assert len(others) == 1
    assert others[0].startswith("Share right against mean score in ")
    assert len(spectrograms) == len(sounds) > 4
    for attributes in spectrograms:
        assert re.match(r"Spectrogram of .+ kHz\. Reference .+, predicted .+\.$", attributes["aria-label"], re.DOTALL)
    assert all("controls" in attributes and attributes["src"].startswith("data:audio/flac") for attributes in sounds)
    assert any("slowed ×10" in attributes["aria-label"] for attributes in sounds)
    assert any("sped up ×10" in attributes["aria-label"] for attributes in sounds)
    assert {"time (s)", "frequency (kHz)"} <= set(read.text)


def test_the_same_run_gives_the_same_bytes(finished: Path, page: str, tmp_path: Path) -> None:
    write_report(finished, tmp_path / "again.html", examples=8)
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == page


def test_few_units_give_no_interval_and_every_unit(tmp_path: Path) -> None:
    labels = ["a", "b"]
    rows = small_rows(labels, lambda number: f"{number}.wav", count=24, units=4, timed=False)
    task = {"label": "kind", "scheme": "by_bird", "unit_name": "bird"}
    run = make_run(tmp_path / "run", rows, labels, corpus=tmp_path / "nowhere", task=task)
    made = write_report(run, tmp_path / "report.html")
    read = Reader((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert (made.examples, made.placeholders > 0) == (0, True)
    assert "There is no interval: 4 birds are too few" in read.words
    assert "[" not in read.words.replace("[]", "").split("How it was made")[0]
    shown = {
        attributes["data-from"] for attributes, _ in read.data if "per_unit" in (attributes.get("data-from") or "")
    }
    assert shown == {f"/selected/metrics/accuracy/per_unit/s{number}" for number in range(4)}
    assert "not a corpus" in read.words


def test_many_labels_become_a_picture(tmp_path: Path) -> None:
    labels = [f"species {number:02d}" for number in range(36)]
    rows = small_rows(labels, lambda number: "x.wav", count=144, units=9, timed=False)
    task = {"label": "species", "scheme": "s", "unit_name": "site"}
    run = make_run(tmp_path / "run", rows, labels, corpus=tmp_path / "nowhere", task=task)
    write_report(run, tmp_path / "report.html", examples=1)
    read = Reader((tmp_path / "report.html").read_text(encoding="utf-8"))
    pictures = [attributes for tag, attributes in read.elements if tag == "img"]
    assert len(pictures) == 1
    assert pictures[0]["alt"].startswith("Confusion matrix of 36 labels")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "results.json").unlink(), "results.json: no such file"),
        (lambda run: (run / "results.json").write_text("{"), "not valid JSON"),
        (lambda run: (run / "results.json").write_text('{"task": {"labels": ["a"]}}'), "lacks task.metrics"),
        (lambda run: (run / "run.toml").write_text("= 3"), "not valid TOML"),
        (lambda run: (run / "predictions.parquet").write_bytes(b"no"), "cannot be read as Parquet"),
        (lambda run: pl.DataFrame({"probe": ["a"]}).write_parquet(run / "predictions.parquet"), "no column"),
        (
            lambda run: open_run(run).predictions.clear().write_parquet(run / "predictions.parquet"),
            "no prediction of the probes",
        ),
    ],
)
def test_a_damaged_run_is_refused_by_file_and_fault(finished: Path, tmp_path: Path, spoil: Any, words: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    spoil(run)
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        write_report(run, tmp_path / "report.html")
    assert "tymbal probe" in str(caught.value)
    assert not (tmp_path / "report.html").exists()


def test_without_matplotlib_the_exact_pip_line(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install 'tymbal[report]'")):
        write_report(finished, tmp_path / "report.html")


def test_no_pyplot_and_no_torch() -> None:
    code = "import sys, tymbal.report; print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    sources = Path(__file__).resolve().parents[2] / "src" / "tymbal" / "report"
    assert not [path for path in sources.glob("*.py") if "pyplot" in path.read_text(encoding="utf-8")]


def test_probes_of_fewer_seeds_are_repeated(finished: Path) -> None:
    run = open_run(finished)
    chosen = run.choices
    lone = next(iter(chosen.values()))
    fewer = replace(run, predictions=run.predictions.filter((pl.col("probe") != lone) | (pl.col("seed") == 1)))
    both, first = fewer.shown_seeds(), fewer.shown()
    assert first.filter(pl.col("probe") == lone)["seed"].unique().to_list() == [1]
    counts = both.group_by("event_id").len()["len"].unique().to_list()
    assert counts == ([2] if set(chosen.values()) != {lone} else [1])


def test_many_differences_have_p_values_for_all_at_once(finished: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    results = json.loads((run / "results.json").read_text(encoding="utf-8"))
    row = results["differences"][0]
    results["differences"] = [{**row, "a": name, "p": p} for name, p in (("x", 0.01), ("y", 0.0001), ("z", 0.04))]
    results["differences"].append({**row, "a": "few", "low": None, "high": None, "p": None})
    (run / "results.json").write_text(json.dumps(results), encoding="utf-8")
    write_report(run, tmp_path / "report.html", examples=1)
    read = Reader((tmp_path / "report.html").read_text(encoding="utf-8"))
    shown = {cells[0].split(" ")[0]: cells[-1] for cells in read.cells if " minus " in cells[0]}
    assert shown == {"x": "0.020", "y": "< 0.001", "z": "0.040", "few": "–"}


def test_layers_stand_in_the_order_of_the_store_and_probes_in_words(finished: Path, read: Reader) -> None:
    weights = [
        cells[0] for cells in read.cells if len(cells) == 3 and cells[0] in ("mel", "pcen", "mfcc", "modulation")
    ]
    assert weights[:4] == ["mel", "pcen", "mfcc", "modulation"]
    run = open_run(finished)
    assert list(run.ordered_layers({"new": 1, "modulation": 2, "mel": 3})) == ["mel", "modulation", "new"]
    assert run.described("linear-all") == "linear on all 4 layers"
    assert run.described("ridge-last") == "ridge on last layer"
