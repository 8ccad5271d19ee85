"""Language tags: one spelling, ISO 639-3 plus ISO 15924 script, such as ``deu_Latn``."""

from __future__ import annotations

from functools import lru_cache

from polyalign.core.errors import ConfigError

#: A macrolanguage written for its standard member, as most corpora mean it.
_STANDARD_MEMBER = {
    "zho": "cmn",
    "ara": "arb",
    "fas": "pes",
    "msa": "zsm",
    "swa": "swh",
    "nor": "nob",
    "lav": "lvs",
    "est": "ekk",
}
UNKNOWN = "und"


@lru_cache(maxsize=4096)
def normalise(tag: str) -> str:
    """The canonical tag for any spelling of a language: ``de``, ``deu``, ``de-CH``, ``zh-TW``.

    The script is the likeliest one where the tag names none; a macrolanguage becomes its standard
    member (``zh`` is ``cmn_Hans``).

    Args:
        tag: A BCP 47 tag, an ISO 639-1 or 639-3 code, or a canonical tag.

    Returns:
        ``xxx_Yyyy``, or ``und`` for the undetermined language.

    Raises:
        ConfigError: Not a language tag, or a language that ISO 639 does not know.

    Example:
        >>> normalise("de"), normalise("zh-TW"), normalise("rm"), normalise("sr_Latn")
        ('deu_Latn', 'cmn_Hant', 'roh_Latn', 'srp_Latn')
    """
    if tag == UNKNOWN:
        return UNKNOWN
    # Its tables of languages take a tenth of a second to load.
    import langcodes
    from langcodes.tag_parser import LanguageTagError

    text = tag.strip().replace("_", "-")
    try:
        language = langcodes.get(text)
        code = language.to_alpha3() if text and language.is_valid() else ""
    except (LanguageTagError, LookupError):
        code = ""
    if not code:
        raise ConfigError(
            f"language {tag!r}: not a language tag; write an ISO 639 code with an optional script, "
            "such as 'de', 'deu' or 'deu_Latn'"
        )
    if code == UNKNOWN:
        return UNKNOWN
    script = language.script or language.maximize().script or "Zyyy"
    return f"{_STANDARD_MEMBER.get(code, code)}_{script}"


@lru_cache(maxsize=4096)
def short(tag: str) -> str:
    """The shortest usual code for a tag, for tools that want one: ``deu_Latn`` -> ``de``.

    Example:
        >>> short("deu_Latn"), short("cmn_Hans"), short("roh_Latn")
        ('de', 'zh', 'rm')
    """
    if tag == UNKNOWN:
        return UNKNOWN
    import langcodes

    code = tag.split("_")[0]
    macro = {member: macro for macro, member in _STANDARD_MEMBER.items()}.get(code, code)
    return str(langcodes.get(macro).language)


@lru_cache(maxsize=4096)
def name(tag: str) -> str:
    """The language's English name: ``deu_Latn`` -> ``German``."""
    if tag == UNKNOWN:
        return "unknown"
    import langcodes

    return str(langcodes.get(tag.split("_")[0]).display_name())


@lru_cache(maxsize=4096)
def is_rtl(tag: str) -> bool:
    """Whether the tag's script runs from right to left."""
    return tag.split("_")[-1] in {"Arab", "Hebr", "Syrc", "Thaa", "Nkoo", "Adlm", "Rohg", "Mand", "Samr"}


def sentence_space(tag: str) -> str:
    """What stands between two sentences: a space, or nothing in Chinese and its like."""
    return "" if tag.split("_")[-1] in {"Hans", "Hant", "Hani", "Jpan", "Thai", "Khmr", "Laoo", "Mymr", "Tibt"} else " "


def parse_pair(text: str) -> tuple[str, str]:
    """``"de-rm"`` or ``"deu_Latn-roh_Latn"`` as two canonical tags.

    Raises:
        ConfigError: Not two language tags joined by a hyphen.
    """
    parts = text.split("-")
    if len(parts) != 2:
        raise ConfigError(
            f"language pair {text!r}: expected two tags joined by a hyphen, such as 'de-rm' or 'deu_Latn-roh_Latn'"
        )
    return normalise(parts[0]), normalise(parts[1])
