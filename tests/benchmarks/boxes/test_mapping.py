"""Labels: classes, unknown ones, and those that the mapping lacks."""

from __future__ import annotations

from pathlib import Path

from tests.benchmarks.boxes import replicas
from tests.benchmarks.boxes.test_checks import codes
from tests.benchmarks.boxes.test_reading import contents

from tymbal.benchmarks import verify
from tymbal.benchmarks.dataset import TEST


def test_a_mapping_beside_the_lists_is_followed(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "Pow")
    config = written.folder / "project_config.yaml"
    config.write_text(
        "data_dir: /somewhere\nlabel_mapping:\n  NOCA: bird\n  'BCCH': bird\n  EATO: Unsure\n"
        "label_set:\n- bird\ntrain_info_fp: a/train_info.csv\nunknown_label: Unsure\n"
    )
    here = contents(tmp_path, written.described)
    assert here.labels == ("bird",)
    assert set(here.events["label"]) == {"bird", "Unknown"}
    (dropped,) = [fault.message for fault in here.faults if fault.code == "dropped_label"]
    assert "BTNW" in dropped
    assert "Unknown" not in dropped
    config.write_text("label_set: []\nlabel_mapping:\n  NOCA: nobody\n")
    (broken,) = verify(tmp_path, written.described).departures
    assert (broken.severity, "label_mapping leads to 'nobody'" in broken.message) == ("missing", True)


def test_a_label_besides_the_published_classes_is_dropped_and_named(tmp_path: Path) -> None:
    written = replicas.make(tmp_path, "Pow")
    table = written.table(TEST)
    table.write_text(table.read_text().replace("\tEATO\n", "\tCROW\n", 1))
    found = codes(tmp_path, written)
    assert "CROW (1)" in found["dropped_label"]
    assert "events" in found
