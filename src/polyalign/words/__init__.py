"""Words: a bitext to links; symmetrise; lexicon."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("words.align/auto", "polyalign.words.auto:Auto", ("ostling2016efficient", "liang2006alignment")),
    Row(
        "words.align/gibbs",
        "polyalign.words.gibbs.method:Gibbs",
        (
            "ostling2016efficient",
            "mermer2011bayesian",
            "liang2006alignment",
            "brown1993mathematics",
            "marchisio2022embedding",
        ),
        version=2,
    ),
    Row(
        "words.align/hmm",
        "polyalign.words.hmm:HMM",
        ("vogel1996hmm", "och2003systematic", "liang2006alignment", "riley2012improving"),
        version=2,
    ),
    Row("words.align/fast-align", "polyalign.words.fast_align:FastAlign", ("dyer2013simple", "riley2012improving")),
    Row(
        "words.align/ibm2",
        "polyalign.words.ibm2:IBM2",
        ("brown1993mathematics", "riley2012improving", "och2003systematic"),
    ),
    Row(
        "words.align/ibm1",
        "polyalign.words.ibm1:IBM1",
        ("brown1993mathematics", "riley2012improving", "och2003systematic"),
        version=2,
    ),
    Row("words.align/argmax", "polyalign.words.similarity.argmax:Argmax", ("sabet2020simalign",), extra="e5"),
    Row("words.align/saved", "polyalign.words.saved:Saved"),
    Row(
        "words.symmetrize/posterior",
        "polyalign.words.symmetrize:Posterior",
        ("liang2006alignment", "lipton2014optimal"),
    ),
    Row("words.symmetrize/product", "polyalign.words.symmetrize:Product", ("liang2006alignment", "lipton2014optimal")),
    Row(
        "words.symmetrize/grow-diag-final-and",
        "polyalign.words.symmetrize:GrowDiagFinalAnd",
        ("koehn2003statistical", "och2003systematic"),
    ),
    Row("words.symmetrize/grow-diag-final", "polyalign.words.symmetrize:GrowDiagFinal", ("koehn2003statistical",)),
    Row("words.symmetrize/grow-diag", "polyalign.words.symmetrize:GrowDiag", ("koehn2003statistical",)),
    Row("words.symmetrize/intersection", "polyalign.words.symmetrize:Intersection", ("och2003systematic",)),
    Row("words.symmetrize/union", "polyalign.words.symmetrize:Union", ("och2003systematic",)),
    Row(
        "words.lexicon/relative-frequency",
        "polyalign.words.lexicon:RelativeFrequency",
        ("koehn2003statistical", "johnson2007improving"),
    ),
]
