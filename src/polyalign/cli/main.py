"""The entry point: finds the verb, and turns every error into one line and an exit status.

0: done; 1: a bug (with a traceback); 2: wrong use or bad input; 130: interrupted, to be resumed
by the same command. stdout is data, stderr is progress and errors.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

import rich_click as click
from click.exceptions import NoArgsIsHelpError
from rich_click.utils import CommandGroupDict

from polyalign import __version__
from polyalign.core.errors import PolyalignError, did_you_mean

#: verb: (what it does, the heading it stands under)
VERBS = {
    "corpus": ("Make a parallel corpus of a folder of mixed files.", "Projects"),
    "run": ("Run a project file: documents to an aligned, measured bitext.", "Projects"),
    "teach": ("Teach a language model a language, and prove it.", "Projects"),
    "report": ("Write a run's report anew.", "Projects"),
    "view": ("Look at a run, a bitext or links in the browser, and correct them.", "Projects"),
    "look": ("Draw the word links of a sentence pair in the terminal.", "Projects"),
    "cp": ("Copy an example project to start from.", "Projects"),
    "align-docs": ("Find which document goes with which.", "Align"),
    "align-sentences": ("Align the sentences of two documents.", "Align"),
    "align-words": ("Align the words of a bitext.", "Align"),
    "align-multi": ("Align the versions of a document in many languages at once.", "Align"),
    "mine": ("Find sentences that translate each other in two collections.", "Align"),
    "symmetrize": ("Join two directional word alignments.", "Align"),
    "lexicon": ("Extract a bilingual lexicon from word links.", "Align"),
    "train-vectors": ("Train vectors of words.", "Align"),
    "map-space": ("Map two spaces of vectors into one.", "Align"),
    "translate-words": ("Translate words by their vectors.", "Align"),
    "project-labels": ("Carry labels of spans to the other language of a text.", "Align"),
    "convert": ("Convert a bitext between formats.", "Text and corpora"),
    "stats": ("Profile a corpus: languages, lengths, duplicates, noise, samples.", "Text and corpora"),
    "clean": ("Score the texts of a corpus and leave out what is bad.", "Text and corpora"),
    "thresholds": ("Learn from a language's own text which scores are good.", "Text and corpora"),
    "dedup": ("Leave out duplicate rows of a corpus.", "Text and corpora"),
    "balance": ("Balance languages, sources or clusters of a corpus.", "Text and corpora"),
    "split": ("Split text into sentences.", "Text and corpora"),
    "identify": ("Identify language and script.", "Text and corpora"),
    "parallelism": ("Count in how many languages each sentence of several bitexts is.", "Text and corpora"),
    "embed": ("Turn texts into vectors.", "Text and corpora"),
    "distil": ("Make an encoder static: vectors of tokens, no transformer at run time.", "Text and corpora"),
    "tune-encoder": ("Tune an encoder so that translations have the same vectors.", "Text and corpora"),
    "vocabulary": ("Measure, extend, trim or swap the vocabulary of a language model.", "Text and corpora"),
    "chat": ("Talk to a language model, or have it go on with a text.", "Measure"),
    "evaluate": ("Score alignments, encoders, language models, texts.", "Measure"),
    "methods": ("List the methods there are.", "Know"),
    "show": ("Show a method: what it does, parameters, papers.", "Know"),
    "cite": ("Print BibTeX for a method or for all that a run used.", "Know"),
    "doctor": ("Check the installation and warm the compiled kernels.", "Know"),
}


class Verbs(click.RichGroup):
    """Imports a verb's file only when the verb is run; listing them imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A stand-in that knows what the verb does, for the list."""
        return click.RichCommand(name=cmd_name, short_help=VERBS[cmd_name][0]) if cmd_name in VERBS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb itself."""
        verb = args[0]
        if verb not in VERBS:
            ctx.fail(f"no verb '{verb}'{did_you_mean(verb, VERBS)}; `polyalign --help` lists them")
        module = importlib.import_module(f"polyalign.cli.{verb.replace('-', '_')}")
        return verb, module.command, args[1:]


_PANELS: list[CommandGroupDict] = [
    {"name": panel, "commands": [verb for verb, (_, under) in VERBS.items() if under == panel]}
    for panel in dict.fromkeys(under for _, under in VERBS.values())
]
click.rich_click.COMMAND_GROUPS = {"polyalign": _PANELS}
click.rich_click.TEXT_MARKUP = "rich"


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=True)
@click.version_option(__version__, prog_name="polyalign")
def cli() -> None:
    """Align languages end to end: documents, sentences, words; then measure it."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(_run(list(sys.argv[1:] if args is None else args)))


def _run(args: list[str]) -> int:
    try:
        result = cli.main(args=args, prog_name="polyalign", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except NoArgsIsHelpError:
        return 2
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "polyalign"
        return _say(f"{where}: {error.format_message()}")
    except PolyalignError as error:
        return _say(str(error))
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted; the same command goes on where it stopped", 130)
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _say("the disk is full; free space and run the same command again")
        raise


def _say(message: str, status: int = 2) -> int:
    print(message, file=sys.stderr)  # noqa: T201
    return status


if __name__ == "__main__":
    main()
