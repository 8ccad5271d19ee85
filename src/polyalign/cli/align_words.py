"""``polyalign align-words``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rich_click as click

from polyalign.cli.options import MethodGroup
from polyalign.cli.output import print_json
from polyalign.core import langs
from polyalign.core.errors import ConfigError, DataError
from polyalign.core.files import write_lines
from polyalign.core.jit import set_threads
from polyalign.core.links import Links
from polyalign.core.memory import give_back
from polyalign.core.progress import note

if TYPE_CHECKING:
    from polyalign.words.posteriors import Posteriors

#: Sentence pairs that are read at a time.
RUN = 20_000


def align_words(
    method: Any,
    *,
    source: str,
    out: str,
    format: str | None,
    pair: str,
    probabilities: bool,
    min_probability: float | None,
    learn_threshold: str | None,
    gold_base: str,
    scores: str | None,
    unlinked: str | None,
    posteriors: str | None,
    forward: str | None,
    backward: str | None,
    save_model: str | None,
    export_priors: str | None,
    threads: int,
    seed: int | None,
    as_json: bool,
) -> None:
    """Align IN and write Pharaoh links to OUT, a line for every sentence pair."""
    from polyalign.words.pharaoh import read_links, write_links
    from polyalign.words.posteriors import Posteriors
    from polyalign.words.symmetrize import learned_threshold

    files = {"the links": out, "--scores": scores, "--unlinked": unlinked, "--posteriors": posteriors}
    files |= {"--forward": forward, "--backward": backward, "--json": "-" if as_json else None}
    _check_outputs({name: path for name, path in files.items() if path is not None}, save_model, export_priors)
    give_back()
    set_threads(threads)
    gold = None if learn_threshold is None else read_links(learn_threshold, one_based=gold_base == "1")
    if gold is not None:
        _check_joined(getattr(method, "symmetrize", None) or "posterior")
    model, parts = _train(method, source, format, langs.parse_pair(pair), keep=save_model is not None)
    if save_model is not None:
        model.save(Path(save_model))
    threshold = model.threshold
    if gold is not None or (threshold is None and model.symmetrize in ("posterior", "product")):
        # Learned from all of the text, which so has to wait for its end.
        _check_joined(model.symmetrize)
        cells = Posteriors.concat([part.pruned() for part in parts])
        parts, joint = iter([cells]), cells.joint(model.symmetrize)
        threshold = (
            learned_threshold([joint])
            if gold is None
            else _threshold(cells, gold, model.symmetrize, str(learn_threshold), source)
        )
    more: dict[str, list[Any]] = {name: [] for name in _RESULTS if files[name] is not None}
    counts = {"pairs": 0, "links": 0}

    def runs() -> Iterator[Links]:
        for part in parts:
            links = part.links(model.symmetrize, threshold)
            links = links if min_probability is None else links.surer(min_probability)
            counts["pairs"] += len(links)
            counts["links"] += len(links.src)
            for name, results in more.items():
                results.append(_RESULTS[name](part))
            yield links

    write_links(out, runs(), probabilities=probabilities)
    for name, results in more.items():
        if name in ("--scores", "--unlinked"):
            write_lines(str(files[name]), chain.from_iterable(results))
        else:
            write_links(str(files[name]), results, probabilities=probabilities or name == "--posteriors")
    if export_priors is not None:
        model.export_priors(export_priors)
    if as_json:
        print_json({**counts, "out": out})


def _train(
    method: Any, source: str, format: str | None, pair: tuple[str, str], *, keep: bool
) -> tuple[Any, Iterator[Posteriors]]:
    """The trained model, and the posteriors of the text run by run.

    Args:
        method: The aligner; one that can trains on runs of sentence pairs, so that the text is never in memory as a whole.
        source: The bitext.
        format: Its format.
        pair: Its languages.
        keep: Whether the model is to remember the posteriors of the text.
    """
    if not hasattr(method, "stream"):
        from polyalign.corpus.formats import read_bitext

        bitext = read_bitext(source, format=format, pair=pair)
        model = method.fit(bitext)
        return model, model.parts(bitext)
    from polyalign.corpus.stream import stream_bitext

    file = Path(source)
    of = f"{source} {file.stat().st_size} {file.stat().st_mtime_ns}" if file.is_file() else source
    model, parts = method.stream(stream_bitext(source, format=format, pair=pair, pairs=RUN), of=of)
    if keep:
        parts = list(parts)
        model = model.remember_all(parts)
    return model, (part for _, part in parts)


def _check_outputs(files: dict[str, str], model: str | None, priors: str | None) -> None:
    """Refuse, before the work, what could not be written after it."""
    printed = [name for name, path in files.items() if path == "-"]
    if len(printed) > 1:
        raise ConfigError(
            f"align-words: {' and '.join(printed)} cannot {'both' if len(printed) == 2 else 'all'} go to standard output; name a file for "
            f"{'OUT' if printed[0] == 'the links' else printed[0]}"
        )
    for path in [*files.values(), *([] if priors is None else [priors])]:
        if path != "-" and not Path(path).absolute().parent.is_dir():
            raise DataError(
                f"{path}: cannot be written, there is no folder {Path(path).parent}; make it, or choose another place"
            )
    if model is None:
        return
    folder = Path(model)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file, expected a folder for the model; choose another name")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "manifest.json").is_file():
        raise DataError(f"{folder}: holds other things than a model; choose an empty folder or a new one")


def _check_joined(symmetrize: str) -> None:
    if symmetrize not in ("posterior", "product"):
        raise ConfigError(
            f"align-words: --learn-threshold means nothing with --symmetrize {symmetrize}; choose posterior or product"
        )


def _threshold(cells: Posteriors, gold: Links, symmetrize: Any, where: str, source: str) -> float:
    from polyalign.words.gold import check_links
    from polyalign.words.posteriors import threshold_from_gold

    if len(gold) > len(cells):
        raise DataError(
            f"{where}: found {len(gold):,} lines, but {source} has {len(cells):,} sentence pairs; its lines are the links of "
            "the first sentence pairs"
        )
    first = cells.take(np.arange(len(gold)))
    advice = "say --gold-base 1 if words are counted from 1, and split the text into words as the gold links have them"
    check_links(gold, [first.src_lengths, first.tgt_lengths], where, advice)
    threshold = threshold_from_gold(first, gold, symmetrize)
    note(
        f"{where}: threshold {threshold:.2f} has the lowest alignment error rate on these {len(gold):,} sentence pairs"
    )
    return threshold


def _unlinked(cells: Posteriors) -> Iterator[str]:
    sides = []
    for null, lengths in zip(cells.unlinked(), (cells.src_lengths, cells.tgt_lengths), strict=True):
        ends = np.cumsum(lengths)[:-1]
        sides.append([np.flatnonzero(part > 0.5).tolist() for part in np.split(null, ends)] if len(lengths) else [])
    for src, tgt in zip(*sides, strict=True):
        yield " ".join(map(str, src)) + "\t" + " ".join(map(str, tgt))


#: What the options beside OUT are made of.
_RESULTS: dict[str, Callable[[Posteriors], Any]] = {
    "--scores": lambda part: [f"{score:.4f}" for score in part.score().tolist()],
    "--unlinked": _unlinked,
    "--posteriors": lambda part: part.pruned().links("posterior", 0.0),
    "--forward": lambda part: part.directions()[0],
    "--backward": lambda part: part.directions()[1],
}


def _file(flag: str, help: str, *, metavar: str = "FILE") -> click.Option:
    return click.Option([flag], metavar=metavar, help=help)


command = MethodGroup(
    task="words.align",
    verb=align_words,
    help="Align the words of a bitext: IN is any bitext format, OUT gets Pharaoh links (`i-j`, 0-based), a line a pair. "
    "`-` is standard input or output. `saved` aligns by a model that `--save-model` kept.",
    arguments=[
        click.Argument(["source"], metavar="IN"),
        click.Argument(["out"], metavar="OUT"),
        click.Option(
            ["--format"],
            help="Format of IN, where its name does not tell: tsv, csv, jsonl, moses, fast-align, tmx, parquet, arrow.",
        ),
        click.Option(
            ["--pair"], default="und-und", metavar="SRC-TGT", help="Languages, needed to pick them out of a TMX: de-rm."
        ),
        click.Option(["--probabilities"], is_flag=True, help="Write links as `i-j:p`."),
        click.Option(
            ["--min-probability"], type=click.FloatRange(0, 1), metavar="P", help="Drop links less probable than P."
        ),
        _file(
            "--learn-threshold",
            "Take the threshold that suits the gold links in FILE best: Pharaoh, a line for each of the first pairs of IN.",
        ),
        click.Option(
            ["--gold-base"],
            type=click.Choice(["0", "1"]),
            default="0",
            show_default=True,
            help="Whether the gold links count words from 0 or 1.",
        ),
        _file("--scores", "Write how well each pair's words correspond, a number a line, higher is better."),
        _file(
            "--unlinked",
            "Write the words with P(NULL) above 0.5: source words, a TAB, target words, from 0; a line a pair.",
        ),
        _file("--posteriors", "Write every link of some probability as `i-j:p`, p being the mean of both directions."),
        _file("--forward", "Write the best source word of each target word."),
        _file("--backward", "Write the best target word of each source word, as `i-j` too."),
        _file("--save-model", "Keep the trained model in DIR, for `align-words saved`.", metavar="DIR"),
        _file("--export-priors", "Write the model's counts, Parquet or TSV by FILE's name, for another's `--priors`."),
        click.Option(
            ["--threads"], type=int, default=0, help="Threads; 0 is all. The result is the same for any number."
        ),
        click.Option(
            ["--seed"], type=int, help="Of the random choices; a method that makes none gives the same for any."
        ),
        click.Option(["--json", "as_json"], is_flag=True, help="Print a JSON summary on standard output."),
    ],
)
