"""``polyalign cp``."""

from __future__ import annotations

import shutil
from pathlib import Path

import rich_click as click

from polyalign.cli.output import json_option, print_json, print_table
from polyalign.core.errors import ConfigError, DataError, did_you_mean

PACKAGE = Path(__file__).resolve().parent.parent
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
    """Copy EXAMPLE to DESTINATION to edit and run; without EXAMPLE, list them."""
    if example is None:
        if as_json:
            print_json({name: text for name, (text, _) in EXAMPLES.items()})
        else:
            print_table(("example", "what it is"), [(name, text) for name, (text, _) in EXAMPLES.items()])
        return
    if example not in EXAMPLES:
        raise ConfigError(f"no example '{example}'{did_you_mean(example, EXAMPLES)}; there are {', '.join(EXAMPLES)}")
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
