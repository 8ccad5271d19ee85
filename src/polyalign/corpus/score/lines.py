"""Scores by signs of text that is no prose: lists, teasers, web addresses."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from polyalign.core.jit import F32
from polyalign.corpus.score.texts import decoded, share
from polyalign.kernels.contents import BULLETS, ELLIPSES, LINES, SOLID, URLS


@dataclass(frozen=True, slots=True)
class Bullets:
    r"""One minus the share of lines that begin with a bullet or a dash.

    NaN for a text without lines. Gopher's rule drops documents of more than 90 % such lines: a minimum of 0.1.

    References: rae2021scaling

    Example:
        >>> Bullets().texts(pa.array(["- a\n- b\nc\nd"], pa.large_string()), "und").tolist()
        [0.5]
    """

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        counts = decoded(texts).profile
        return 1 - share(counts[:, BULLETS], counts[:, LINES])


@dataclass(frozen=True, slots=True)
class Ellipses:
    r"""One minus the share of lines that end in an ellipsis.

    NaN for a text without lines. Gopher's rule drops documents of more than 30 % such lines: a minimum of 0.7.

    References: rae2021scaling

    Example:
        >>> Ellipses().texts(pa.array(["mehr...\nEnde."], pa.large_string()), "und").tolist()
        [0.5]
    """

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        counts = decoded(texts).profile
        return 1 - share(counts[:, ELLIPSES], counts[:, LINES])


@dataclass(frozen=True, slots=True)
class Urls:
    """One minus the share of characters in web addresses, white space apart.

    An address is what follows ``http://``, ``https://`` or ``www.`` up to white space. NaN for a text without characters.

    Example:
        >>> Urls().texts(pa.array(["nur Text", "www.a.de"], pa.large_string()), "und").tolist()
        [1.0, 0.0]
    """

    def texts(self, texts: pa.LargeStringArray, lang: str) -> F32:
        """Score each text, shape (n,)."""
        counts = decoded(texts).profile
        return 1 - share(counts[:, URLS], counts[:, SOLID])
