"""`tymbal VERB ...`: finds the verb, runs it, turns errors into one line and an exit code."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, CycloptsError
from cyclopts.config import Toml

from tymbal import __version__
from tymbal.errors import InputPathError, TymbalError, UsageError

VERBS = {  # verb -> the module with the function of that name; loaded when it is called
    "inspect": "Say what recordings hold and what is wrong with them.",
    "index": "Make a corpus of recordings, annotations and splits.",
    "audit": "Look for leaks, duplicates and confounds in a corpus.",
    "convert": "Turn annotation tables of one format into another.",
    "encoders": "List encoders, describe or check one, export it to ONNX.",
    "embed": "Run an encoder over a corpus into a feature store.",
    "probe": "Fit and evaluate probes on a feature store.",
    "bench": "Run a public benchmark from its own download, published numbers beside ours.",
    "report": "Draw a run as one self-contained HTML page.",
    "demo": "The whole road on the recordings that ship with Tymbal.",
    "doctor": "Say what is installed, what is missing and how fast this machine is.",
}

EPILOGUE = (
    "Exit codes: 0 all well; 1 an unexpected error; 2 wrong usage; 3 bad input; 4 done, but some files failed "
    "(they are listed); 5 nothing to do was found; 6 the disk is full; 130 interrupted. Every verb takes "
    "--config FILE; index, embed, probe and report save theirs beside their output."
)


def build_app() -> App:
    """The application with every verb, none of them imported yet."""
    app = App(
        name="tymbal",
        version=__version__,
        help="From a folder of animal recordings to tested findings.\n\n" + EPILOGUE,
        help_format="plaintext",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,  # Ctrl-C says what becomes of the work, below
    )
    for verb, summary in VERBS.items():
        app.command(f"tymbal.cli.{verb}:{verb}", name=verb, help=summary)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        tokens, config = _take_config(tokens)
        _check_verb(tokens)
        app = build_app()
        if config is not None:
            app.config = (Toml(config, must_exist=True),)
        result = app(tokens)
        return result if isinstance(result, int) else 0
    except TymbalError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except CycloptsError as error:
        verb = next((token for token in tokens if token in VERBS), "")
        text = str(error).rstrip(".")
        stop = "" if text.endswith("?") else "."
        print(f"error: {text}{stop} See: tymbal {verb + ' ' if verb else ''}--help", file=sys.stderr)
        return UsageError.exit_code
    except BrokenPipeError:  # the reader of our output went away (tymbal ... | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a path that cannot be read or written; files of a job are guarded one by one
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"error: {where}{error.strerror or error}. Check that the path is right and may be used.", file=sys.stderr
        )
        return InputPathError.exit_code
    except KeyboardInterrupt:
        print("interrupted; finished work is kept, the same command resumes", file=sys.stderr)
        return 130


def _check_verb(tokens: list[str]) -> None:
    # Asked here because the parser would import every verb to make its own suggestion.
    if tokens and not tokens[0].startswith("-") and tokens[0] not in VERBS:
        near = difflib.get_close_matches(tokens[0], VERBS, n=1)
        mend = f"Did you mean: tymbal {near[0]}?" if near else "See: tymbal --help"
        raise UsageError(f"unknown verb {tokens[0]!r}", allowed=", ".join(VERBS), mend=mend)


def _take_config(tokens: list[str]) -> tuple[list[str], Path | None]:
    for position, token in enumerate(tokens):
        if token == "--":
            break
        name, equals, value = token.partition("=")
        if name != "--config":
            continue
        if not equals and position + 1 == len(tokens):
            raise UsageError("--config needs a file", mend="Give the path of a saved parameter file (TOML).")
        path = Path(value if equals else tokens[position + 1])
        if not path.is_file():
            raise UsageError("no such parameter file", where=path, mend="Check the path given to --config.")
        return tokens[:position] + tokens[position + (1 if equals else 2) :], path
    return tokens, None


if __name__ == "__main__":
    sys.exit(main())
