"""The sides of a bitext by language."""

from __future__ import annotations

from polyalign.core import langs
from polyalign.core.errors import ConfigError
from polyalign.models.training.objective import Parallel


def sides_of(parallel: Parallel, lang: str, where: str) -> tuple[list[str], list[str]]:
    """Sentences of a language and their translations; pairs with an empty side are left out.

    Args:
        parallel: Sentence pairs.
        lang: The language; empty for the source side's.
        where: Who asks, for messages.

    Raises:
        ConfigError: The pairs are of other languages.
    """
    tags = [parallel.src_lang, parallel.tgt_lang]
    wanted = langs.normalise(lang) if lang else tags[0]
    if wanted not in tags:
        raise ConfigError(
            f"{where}: found sentence pairs of {' and '.join(tags)}, expected {wanted} as one of them; change lang, or give others"
        )
    src, tgt = parallel.bitext.src, parallel.bitext.tgt
    pairs = zip(src, tgt, strict=True) if wanted == tags[0] else zip(tgt, src, strict=True)
    kept = [(s, t) for s, t in pairs if s.strip() and t.strip()]
    return [s for s, _ in kept], [t for _, t in kept]
