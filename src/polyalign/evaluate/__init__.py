"""Evaluate: every metric."""

from __future__ import annotations

from polyalign.core.registry import Row

METHODS: list[Row] = [
    Row("evaluate/aer", "polyalign.evaluate.aer:AER", ("och2003systematic", "efron1979bootstrap")),
    Row(
        "evaluate/sentences",
        "polyalign.evaluate.sentences:SentenceAlignment",
        ("thompson2019vecalign", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/retrieval",
        "polyalign.evaluate.retrieval:Retrieval",
        ("artetxe2019massively", "artetxe2019margin", "efron1979bootstrap"),
    ),
    Row("evaluate/mining", "polyalign.evaluate.mining:MiningF1", ("zweigenbaum2017overview", "efron1979bootstrap")),
    Row(
        "evaluate/mexa",
        "polyalign.evaluate.mexa:MEXA",
        ("kargaran2025mexa", "muennighoff2022sgpt", "libovicky2020language", "conneau2018word", "efron1979bootstrap"),
        presets={"kargaran2025mexa": {"drop_sink": False, "centre": False, "csls": False}},
    ),
    Row("evaluate/anc", "polyalign.evaluate.anc:ANC", ("delfishel2022similarity", "efron1979bootstrap")),
    Row(
        "evaluate/cka",
        "polyalign.evaluate.cka:CKA",
        ("kornblith2019similarity", "song2012feature", "szekely2014partial", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/svcca",
        "polyalign.evaluate.svcca:SVCCA",
        ("raghu2017svcca", "romanazzi1992influence", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/word-retrieval",
        "polyalign.evaluate.word_retrieval:WordRetrieval",
        ("cao2020multilingual", "conneau2018word", "libovicky2020language", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/xsim-pp",
        "polyalign.evaluate.xsim_pp:XsimPP",
        ("chen2023xsim", "artetxe2019margin", "libovicky2020language", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/lareqa",
        "polyalign.evaluate.lareqa:LAReQA",
        ("roy2020lareqa", "libovicky2020language", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/language-probe",
        "polyalign.evaluate.language_probe:LanguageProbe",
        ("libovicky2020language", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/neutrality",
        "polyalign.evaluate.neutrality:Neutrality",
        ("libovicky2020language", "rosenberg2007vmeasure", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/neurons",
        "polyalign.evaluate.neurons:Neurons",
        ("tang2024language", "zhang2025alignment"),
        extra="neural",
        needs=("torch", "transformers"),
    ),
    Row(
        "evaluate/tokenizer",
        "polyalign.evaluate.tokenizer:Tokenization",
        ("rust2021how", "petrov2023language", "zouhar2023tokenization", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/bits-per-byte",
        "polyalign.evaluate.bits_per_byte:BitsPerByte",
        ("cleary1984data", "mielke2019what", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/information-parity",
        "polyalign.evaluate.information_parity:InformationParity",
        ("tsvetkov2024information", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/translation",
        "polyalign.evaluate.translation:Translation",
        (
            "papineni2002bleu",
            "popovic2015chrf",
            "popovic2017chrf",
            "snover2006study",
            "post2018call",
            "efron1979bootstrap",
        ),
        extra="metrics",
        needs=("sacrebleu",),
    ),
    Row(
        "evaluate/teaching",
        "polyalign.evaluate.teaching:Teaching",
        ("cleary1984data", "mielke2019what", "kargaran2025mexa", "popovic2015chrf", "efron1979bootstrap"),
        extra="neural",
        needs=("torch", "transformers"),
    ),
    Row(
        "evaluate/segment-alignment",
        "polyalign.evaluate.segment_alignment:SegmentAlignment",
        ("efron1979bootstrap",),
    ),
    Row(
        "evaluate/lexical-naturalness",
        "polyalign.evaluate.lexical_naturalness:LexicalNaturalness",
        ("guo2025accent", "lin1991divergence", "gretton2012kernel", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/syntactic-naturalness",
        "polyalign.evaluate.syntactic_naturalness:SyntacticNaturalness",
        ("guo2025accent", "shervashidze2011weisfeiler", "gretton2012kernel", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/correlation",
        "polyalign.evaluate.correlation:Correlation",
        ("kendall1945treatment", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/transfer",
        "polyalign.evaluate.transfer:TransferPrediction",
        ("littell2017uriel", "lauscher2020zero", "hoerl1970ridge", "efron1979bootstrap"),
    ),
    Row(
        "evaluate/bli",
        "polyalign.evaluate.bli:BLI",
        ("mikolov2013exploiting", "glavas2019properly", "efron1979bootstrap"),
    ),
    Row("evaluate/hubness", "polyalign.evaluate.hubness:Hubness", ("radovanovic2010hubs", "efron1979bootstrap")),
    Row(
        "evaluate/isomorphism",
        "polyalign.evaluate.isomorphism:Isomorphism",
        ("dubossarsky2020secret", "sogaard2018limitations", "patra2019bilingual", "vulic2020good"),
    ),
]
