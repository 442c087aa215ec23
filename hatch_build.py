"""Build hook: compiles src/tymbal/_kernels/*.c where there are such files and a C compiler, else a pure wheel.

Never a failing install: Tymbal runs without its kernels, slower. There are none yet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = Path("src/tymbal/_kernels")


class KernelHook(BuildHookInterface):
    """Compile every C file to a shared library that is loaded with ctypes (so any Python version can use it)."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sources = sorted((Path(self.root) / KERNELS).glob("*.c"))
        if self.target_name != "wheel" or not sources:
            return
        names = [name for name in (os.environ.get("CC"), "cc", "gcc", "clang") if name]
        compiler = next((found for name in names if (found := shutil.which(name))), None)
        if compiler is None:
            print("tymbal: no C compiler found; building without the compiled kernels", file=sys.stderr)
            return
        built = [library for source in sources if (library := compile_library(compiler, source)) is not None]
        if built:
            build_data["artifacts"] += [str(path.relative_to(self.root)) for path in built]
            build_data["pure_python"] = False
            build_data["infer_tag"] = True


def compile_library(compiler: str, source: Path) -> Path | None:
    """Compile one file; None, with a line on standard error, where the compiler refuses."""
    suffix = ".dll" if sys.platform == "win32" else ".dylib" if sys.platform == "darwin" else ".so"
    target = source.with_suffix(suffix)
    command = [compiler, "-O3", "-shared", "-fPIC", "-o", str(target), str(source)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"tymbal: {source.name} did not compile ({error}); building without it", file=sys.stderr)
        return None
    return target
