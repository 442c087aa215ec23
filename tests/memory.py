"""Peak memory of a process that a test starts: ru_maxrss of a child also counts what its parent held before."""

from __future__ import annotations

PEAK = """
def peak_mb():
    import resource, sys
    try:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024
    except OSError:  # not Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform != "darwin" else 1024**2)
"""
