"""What this machine can do at best, so that figures taken on others can be read: streaming and matrix speed."""

from __future__ import annotations

import platform
import time

import numpy as np


def cpu_time(function: object, repeat: int = 5) -> float:
    """Least CPU seconds (all threads of this process) that one call of `function` took."""
    best = float("inf")
    for _ in range(repeat):
        start = time.process_time()
        function()  # type: ignore[operator]
        best = min(best, time.process_time() - start)
    return best


def probe() -> dict[str, float]:
    """Streaming copy speed (GB/s read + written) and float32 matrix speed (GFLOP/s) per CPU second."""
    source = np.ones(1 << 25, dtype=np.float32)
    target = np.empty_like(source)
    copy_s = cpu_time(lambda: np.copyto(target, source))
    matrix = np.ones((1024, 1024), dtype=np.float32)
    product_s = cpu_time(lambda: matrix @ matrix)
    return {"stream_gb_s": 2 * source.nbytes / copy_s / 1e9, "matrix_gflop_s": 2 * 1024**3 / product_s / 1e9}


def probe_line() -> str:
    """One line to print beside every figure."""
    found = probe()
    return (
        f"machine: {platform.machine()}, streaming {found['stream_gb_s']:.1f} GB per CPU second, "
        f"float32 matrix product {found['matrix_gflop_s']:.0f} GFLOP per CPU second"
    )


if __name__ == "__main__":
    print(probe_line())
