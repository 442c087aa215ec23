"""Plan, shards, the per-item guard, failures, resume and progress; every long command runs through here."""

from tymbal.jobs.atomic import remove_temporaries, replacing, write_bytes, write_json, write_text, write_through
from tymbal.jobs.executor import Executor, ProcessExecutor, SerialExecutor, Work, make_executor
from tymbal.jobs.guard import Failure, Outcome, ShardOutcomes, Worked, guarded
from tymbal.jobs.lock import only_writer
from tymbal.jobs.plan import Plan, Shard, make_plan, plan_groups
from tymbal.jobs.progress import PlainLines, Progress, RichPanel, Silent, make_progress
from tymbal.jobs.run import JobReport, run_job

__all__ = [
    "Executor",
    "Failure",
    "JobReport",
    "Outcome",
    "Plan",
    "PlainLines",
    "ProcessExecutor",
    "Progress",
    "RichPanel",
    "SerialExecutor",
    "Shard",
    "ShardOutcomes",
    "Silent",
    "Work",
    "Worked",
    "guarded",
    "make_executor",
    "make_plan",
    "make_progress",
    "plan_groups",
    "only_writer",
    "remove_temporaries",
    "replacing",
    "run_job",
    "write_bytes",
    "write_json",
    "write_text",
    "write_through",
]
