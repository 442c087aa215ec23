"""`tymbal VERB ...`: finds the verb, runs it, turns errors into one line and an exit code."""

from __future__ import annotations

import difflib
import os
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from cyclopts import App, Argument, CycloptsError, MissingArgumentError, Parameter, UnusedCliTokensError
from cyclopts.config import Toml

from tymbal import __version__
from tymbal.cli.common import say, spoken, whole
from tymbal.errors import ConfigError, InputPathError, TymbalError, UsageError

VERBS = {  # verb -> the module with the function of that name; loaded when it is called
    "inspect": "Say what recordings hold and what is wrong with them.",
    "index": "Make a corpus of recordings, annotations and splits.",
    "audit": "Look for leaks, duplicates and confounds in a corpus.",
    "corpus": "Write a corpus as a dataset to publish, or check one.",
    "reencode": "Bring recordings to one rate, depth and codec, where labels go with these.",
    "convert": "Turn annotation tables of one format into another.",
    "encoders": "List encoders, describe or check one, export it to ONNX.",
    "find": "Find what sounds like a few examples, with nothing to train.",
    "fewshot": "Train the in-context network of find, or score its finders on a corpus.",
    "serve": "Find over HTTP on this machine: a recording and examples in, a Raven table out.",
    "embed": "Run an encoder over a corpus into a feature store.",
    "probe": "Fit and evaluate probes on a feature store.",
    "finetune": "Train an encoder together with a head on labelled events, and test both.",
    "detect": "Train a detector of boxes around sounds, run it over recordings, measure it.",
    "diagnose": "Say where a probe's errors come from, what leaks, and what shuffled labels would give.",
    "synth": "Make scenes with known truth, as a corpus or pictures.",
    "pretrain": "Train an encoder by a recipe, from stores of pictures.",
    "sweep": "Fit every probe of a plan: tasks, encoders, layers, heads, rates, seeds.",
    "bench": "Run a public benchmark from its own download, published numbers beside ours.",
    "reproduce": "A published study as one command, on whatever of its weights and sets is there.",
    "report": "Draw a run as one self-contained HTML page.",
    "demo": "The whole road on the recordings that ship with Tymbal.",
    "doctor": "Say what is installed, what is missing and how fast this machine is.",
}

EPILOGUE = (
    "Exit codes: 0 all well; 1 an unexpected error; 2 wrong usage; 3 bad input; 4 done, but some files failed "
    "(they are listed); 5 nothing to do was found; 6 the disk is full; 130 interrupted. Every verb takes "
    "--config FILE; index, embed, probe, finetune and report save theirs beside their output."
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
        default_parameter=Parameter(converter=whole),
        suppress_keyboard_interrupt=False,  # Ctrl-C says what becomes of the work, below
    )
    for place, (verb, summary) in enumerate(VERBS.items()):
        app.command(f"tymbal.cli.{verb}:{verb}", name=verb, help=summary, sort_key=place)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    app = build_app()
    try:
        tokens, config = _take_config(tokens)
        _check_verb(tokens)
        if config is not None:
            app.config = (Toml(config, must_exist=True),)
        result = app(tokens)
        return result if isinstance(result, int) else 0
    except TymbalError as error:
        text, code = spoken(error, _options(app, tokens))
        say(f"error: {text}")
        return code
    except CycloptsError as error:
        verb = next((token for token in tokens if token in VERBS), "")
        text = _usage(error)
        stop = "" if text.endswith("?") else "."
        say(f"error: {text}{stop} See: tymbal {verb + ' ' if verb else ''}--help")
        return UsageError.exit_code
    except BrokenPipeError:  # the reader of our output went away (tymbal ... | head)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a path that cannot be read or written; files of a job are guarded one by one
        where = f"{error.filename}: " if error.filename else ""
        say(f"error: {where}{error.strerror or error}. Check that the path is right and may be used.")
        return InputPathError.exit_code
    except KeyboardInterrupt:
        say("interrupted; finished work is kept, the same command resumes")
        return 130


def _options(app: App, tokens: Sequence[str]) -> dict[str, str]:
    """The options of the verb that was called, and how they are shown: arguments without a name in capitals."""
    if not tokens or tokens[0] not in VERBS:
        return {}
    found = app[tokens[0]].assemble_argument_collection()
    return {name: _shown(argument) for argument in found for name in argument.names}


def _shown(argument: Argument) -> str:
    name = argument.names[0]
    return name if argument.index is None else name.removeprefix("--").upper()


def _usage(error: CycloptsError) -> str:
    """What the parser found wrong, in fewer words."""
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = _shown(error.argument)
        return f"{name} needs a value" if error.keyword else f"{name} is missing"
    if isinstance(error, UnusedCliTokensError):
        return f"nothing takes {' '.join(map(repr, error.unused_tokens or ()))}"
    return str(error).rstrip(".")


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
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"not valid TOML: {error}", where=path, mend="Mend the line that it names.") from error
        return tokens[:position] + tokens[position + (1 if equals else 2) :], path
    return tokens, None


if __name__ == "__main__":
    sys.exit(main())
