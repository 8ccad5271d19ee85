"""Write the method pages from the registry, so that they cannot fall behind the code."""

from __future__ import annotations

import inspect
from pathlib import Path

from sphinx.application import Sphinx

from polyalign.core import params, registry

TITLES = {
    "encode": "Encode texts",
    "corpus.documents": "Read documents",
    "corpus.bitext": "Read sentence pairs",
    "corpus.write": "Write sentence pairs",
    "corpus.select": "Select sentence pairs",
    "text.normalize": "Normalise text",
    "text.identify": "Identify language and script",
    "text.split": "Split into sentences",
    "text.tokenize": "Split into words",
    "documents.align": "Pair documents",
    "sentences.align": "Align sentences",
    "sentences.multiway": "Align many languages at once",
    "sentences.project": "Take a pair out of a joint alignment",
    "sentences.mine": "Mine sentence pairs",
    "corpus.parallelism": "Count the languages of a sentence",
    "words.align": "Align words",
    "words.symmetrize": "Symmetrise word links",
    "words.lexicon": "Extract a lexicon",
    "evaluate": "Evaluate",
}


def write_pages(app: Sphinx) -> None:
    """One page a task, and a table of all."""
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    index = ["# Methods", "", "Every method, by the task it does.", "", "```{toctree}", ":hidden:", ""]
    index += [f"{task}" for task in registry.tasks()]
    index += ["```", "", "| method | what it does | papers |", "|---|---|---|"]
    for task in registry.tasks():
        rows = [row for row in registry.rows().values() if row.task == task]
        for row in rows:
            cites = " ".join(f"{{cite:p}}`{key}`" for key in row.papers)
            index.append(f"| [`{row.id}`]({task}.md#{anchor(row.id)}) | {registry.summary(row)} | {cites} |")
        (folder / f"{task}.md").write_text(
            "\n\n".join([f"# {TITLES.get(task, task)}", *map(page, rows)]) + "\n", encoding="utf-8"
        )
    (folder / "index.md").write_text("\n".join(index) + "\n", encoding="utf-8")


def anchor(method: str) -> str:
    """The heading's anchor as MyST makes it."""
    return "".join(c for c in method.lower() if c.isalnum() or c in "-_")


def page(row: registry.Row) -> str:
    """A method's section: docstring, parameters, papers."""
    cls = registry.load(row)
    prose = (inspect.getdoc(cls) or "").split("\nArgs:")[0].rstrip()
    out = [f"## {row.id}", f"`{row.target.replace(':', '.')}`", f"```{{eval-rst}}\n{prose}\n```"]
    fields = params.params_of(cls)
    if fields:
        lines = ["| parameter | default | meaning |", "|---|---|---|"]
        lines += [
            f"| `{p.name}` | {'(required)' if p.required else f'`{p.default!r}`'} | {p.help.replace('|', chr(92) + '|')} |"
            for p in fields
        ]
        out.append("\n".join(lines))
    for name, values in row.presets.items():
        out.append(f"Preset `{name}`: " + ", ".join(f"`{k} = {v}`" for k, v in values.items()))
    if row.papers:
        out.append("Papers: " + " ".join(f"{{cite:t}}`{key}`" for key in row.papers))
    return "\n\n".join(out)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("builder-inited", write_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
