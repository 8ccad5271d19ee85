"""Prompts: what a translation model is given beside the texts."""

from __future__ import annotations

from polyalign.core.langs import name as language_name

#: What a causal model reads by default.
PROMPT = "{source_language}: {source}\n{target_language}: {target}"


def check_prompt(prompt: str) -> None:
    """Refuse a prompt that lacks the texts, or has them in the wrong order.

    Raises:
        ValueError: It does.
    """
    if prompt.count("{source}") != 1 or prompt.count("{target}") > 1 or prompt.find("{target}") == 0:
        raise ValueError(f"prompt must have {{source}} once, and {{target}} at most once, got {prompt!r}")
    if "{target}" in prompt and prompt.index("{target}") < prompt.index("{source}"):
        raise ValueError(f"prompt must have {{source}} before {{target}}, got {prompt!r}")


def language(tag: str, given: str, default: str) -> str:
    """What a prompt calls a language."""
    return given or (default if tag == "und" else language_name(tag))


def around(prompt: str) -> tuple[str, str, str]:
    """What stands before, between and after the texts."""
    head, rest = prompt.split("{source}")
    middle, tail = rest.split("{target}")
    return head, middle, tail


def filled(text: str, names: dict[str, str]) -> str:
    """With what the names in braces stand for."""
    for key, value in names.items():
        text = text.replace(f"{{{key}}}", value)
    return text
