"""What ``{src}`` and ``{tgt}`` stand for in a path, a column or a field."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from polyalign.core.errors import DataError
from polyalign.core.langs import UNKNOWN, short


def spellings(tag: str) -> list[str]:
    """How a language may be written in a file name, in the order they are tried: canonical, ISO 639-3, short.

    Example:
        >>> spellings("deu_Latn"), spellings("swh_Latn"), spellings("und")
        (['deu_Latn', 'deu', 'de'], ['swh_Latn', 'swh', 'swa', 'sw'], [])
    """
    if tag == UNKNOWN:
        return []
    import langcodes

    # The short code may be the macrolanguage's (sw, zh), whose three letters (swa, zho) are met as well.
    code = short(tag)
    return list(dict.fromkeys([tag, tag.split("_")[0], langcodes.get(code).to_alpha3(), code]))


def expand(template: str, pair: tuple[str, str], *, where: str = "") -> list[str]:
    """Everything a template may mean: ``{src}`` and ``{tgt}`` replaced by each spelling of the languages.

    Args:
        template: A path, a column or a field; without a placeholder it means itself.
        pair: Canonical source and target tags.
        where: What the template is, for the error message.

    Raises:
        DataError: It has a placeholder for a language that is not known.

    Example:
        >>> expand("x.{tgt}", ("und", "roh_Latn"))
        ['x.roh_Latn', 'x.roh', 'x.rm']
    """
    found = [template]
    for key, tag in zip(("{src}", "{tgt}"), pair, strict=True):
        if key in template and tag == UNKNOWN:
            raise DataError(
                f"{where or template}: {key} stands for a language, but none was given; name the language pair or write the path out"
            )
        found = [f.replace(key, s) for f in found for s in (spellings(tag) or [""])]
    return list(dict.fromkeys(found))


def pick(template: str, pair: tuple[str, str], exists: Callable[[str], bool], *, where: str = "") -> str | None:
    """The first meaning of a template that exists, or None.

    Raises:
        DataError: As `expand`.
    """
    return next((name for name in expand(template, pair, where=where) if exists(name)), None)


def locate(template: str, pair: tuple[str, str] = (UNKNOWN, UNKNOWN)) -> Path:
    """The file or folder a path parameter means; ``-`` is standard input.

    Raises:
        DataError: None of its spellings exists, or its language is not known.
    """
    if template == "-":
        return Path("-")
    found = pick(template, pair, lambda name: Path(name).exists(), where=f"path {template!r}")
    if found is None:
        tried = expand(template, pair)
        hint = "" if Path(template).is_absolute() else f" (it is taken from the folder you are in: {Path.cwd().name}/)"
        names = f"none of {', '.join(tried)} exists" if len(tried) > 1 else "no such file or folder"
        raise DataError(f"{template}: {names}; check the path{hint}")
    return Path(found)
