"""Studies: many probes on one task, the choice among them nested inside the training folds."""

from tymbal.probes.study.config import BASELINE, StudyConfig
from tymbal.probes.study.run import run_study
from tymbal.probes.study.task import ExampleTable, Task, make_task

__all__ = ["BASELINE", "ExampleTable", "StudyConfig", "Task", "make_task", "run_study"]
