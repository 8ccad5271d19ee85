"""``polyalign cp``."""

from __future__ import annotations

import shutil
from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core.errors import ConfigError, DataError, did_you_mean
from polyalign.recipes import FOLDER, RECIPES, file_of

PACKAGE = Path(__file__).resolve().parent.parent
#: Where the recipes find the documents of the sample.
_SAMPLE = '"../sample/documents"'
#: example: (what it is, where it is in the package)
EXAMPLES = {
    "sample": ("the demo: twelve short documents in five languages, with gold", "sample"),
    "documents": ("a folder of translated documents to TMX, links and lexicon", "examples/documents.toml"),
    "bitext": ("word links and a lexicon from sentence pairs you have", "examples/bitext.toml"),
    "dermit": ("press releases in three languages, scored against gold", "examples/dermit.toml"),
    "subtitles": ("subtitles to sentence pairs, by their time codes (as JESC)", "examples/subtitles.toml"),
    "articles": ("full texts of articles to TMX (as SciELO)", "examples/articles.toml"),
    "abstracts": ("abstracts of theses to TMX (as CAPES and IPAC)", "examples/abstracts.toml"),
    "strings": ("messages of programs (PO) to TMX", "examples/strings.toml"),
    "rephrase": ("sentences that translators split or joined (as BiSECT)", "examples/rephrase.toml"),
    "incidental": ("translations that stand beside each other in texts", "examples/incidental.toml"),
    "texts": ("text of several languages for training, cleaned as FineWeb2 does it", "examples/texts.toml"),
    "augment": ("a bitext with switched words and other inflected forms", "examples/augment.toml"),
}


@click.command()
@click.argument("example", required=False)
@click.argument("destination", required=False, type=click.Path(path_type=Path))
@json_option
def command(example: str | None, destination: Path | None, as_json: bool) -> None:
    """Copy EXAMPLE to DESTINATION to edit and run; without EXAMPLE, list them.

    The recipes by which a model is taught a language, for `polyalign teach`, are copied as a folder, with the documents of
    the sample.
    """
    known = {name: text for name, (text, _) in EXAMPLES.items()}
    known |= {name: f"teach a model a language: {about}" for name, about in RECIPES.items()}
    if example is None:
        if as_json:
            print_json(known)
        else:
            print_table(("example", "what it is"), list(known.items()))
        return
    if example not in known:
        raise ConfigError(f"no example '{example}'{did_you_mean(example, known)}; there are {', '.join(known)}")
    if example in RECIPES:
        target = _recipe(example, destination)
        print_json({"copied": str(target)}) if as_json else click.echo(target)
        return
    source = PACKAGE / EXAMPLES[example][1]
    target = destination or Path(source.name)
    if target.is_dir() and source.is_file():
        target = target / source.name
    if target.exists():
        raise DataError(f"{target}: exists already; name another destination: polyalign cp {example} DESTINATION")
    try:
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror}); name another destination") from None
    print_json({"copied": str(target)}) if as_json else click.echo(target)


def _recipe(name: str, destination: Path | None) -> Path:
    """Copy a recipe with what it reads; gives its project file."""
    target = destination or Path(name)
    if target.exists():
        raise DataError(f"{target}: exists already; name another destination: polyalign cp {name} DESTINATION")
    text = file_of(name).read_text(encoding="utf-8")
    try:
        target.mkdir(parents=True)
        if _SAMPLE in text:
            shutil.copytree(PACKAGE / "sample" / "documents", target / "documents")
        if (FOLDER / name).is_dir():
            shutil.copytree(FOLDER / name, target / name)
        (target / "project.toml").write_text(text.replace(_SAMPLE, '"documents"'), encoding="utf-8")
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror}); name another destination") from None
    return target / "project.toml"
