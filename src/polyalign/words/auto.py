"""The default word aligner: statistics of the bitext and an encoder's vectors, each where it is sure."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from polyalign.core.bitext import Bitext
from polyalign.core.files import PathText
from polyalign.core.progress import note
from polyalign.words.gibbs.method import digest
from polyalign.words.gold import read_gold
from polyalign.words.joined.judge import Judge
from polyalign.words.joined.model import JoinedModel, pooled
from polyalign.words.joined.similar import Counts, Similar, table
from polyalign.words.known import Known
from polyalign.words.posteriors import Posteriors
from polyalign.words.similarity.method import encoder_at, evenly
from polyalign.words.statistical import Statistical
from polyalign.words.symmetrize import learned_threshold


@dataclass(frozen=True, slots=True)
class Auto(Known):
    """Align words by statistics and by meaning together: the default, more accurate than either alone.

    An encoder reads the text, and the softmax of its words' similarities, averaged over some layers, gives q(i, j) in
    either direction. What it is sure of is counted: the expected number of links of two words, times `counted`, is a
    pseudo-count with which `words.align/statistical` is trained on the text, giving p(i, j). A link's probability is

        w p(i, j) + (1 - w) q(i, j)

    in either direction; links are those whose mean of both exceeds the threshold of highest expected F1. A mean of
    probabilities, not of their logarithms, because each side is right where it is sure, and knows little of what the
    other sees. Spelling, positions and fertility are the sampler's. What vectors say of their language, and other
    differences between translations, is taken out by words that agree (`words.similarity.neutral`). No gold is used.

    With `gold` a classifier of some hundred small trees learns what probabilities, with the encoder's pseudo-counts and
    without, similarities in each layer, their margins, neighbouring cells, spelling, position and punctuation say together.

    If the encoder does not know the languages, statistics alone decide.

    Args:
        encoder: Encoder with vectors of tokens: `e5`, a model's folder or file, or a name on the hub; settings behind a
            colon, `e5:prefix=none`.
        layers: Layers of the encoder that are averaged; none, `[]`, for the encoder's own.
        weight: Weight of the statistics against similarity, from 0 to 1.
        counted: Pseudo-count of a link that the encoder is sure of.
        sample: Sentence pairs, taken evenly from the text, by which vectors are made neutral of their language.
        most: Most sentence pairs that the encoder reads. Of a longer text it reads so many, taken evenly, which teach the
            statistics, and they align. none for any number.
        gold: File of links drawn by hand to learn from, Pharaoh, words counted from 0; empty for none.
        gold_text: File of the sentence pairs that gold belongs to; empty if they are the first ones of the text.
        seed: Of the sampling.
        work: Folder for what does not fit into memory, from which an interrupted training goes on; empty for memory.

    Raises:
        ValueError: A parameter out of range.

    References: ostling2016efficient, liang2006alignment, sabet2020simalign, hatch2006within, friedman2001greedy

    Example:
        >>> bitext = Bitext.build(["das haus", "das buch", "ein buch"], ["the house", "the book", "a book"])
        >>> Auto().fit(bitext).align(bitext).to_pharaoh()  # doctest: +SKIP
        ['0-0 1-1', '0-0 1-1', '0-0 1-1']
    """

    encoder: str = "e5"
    layers: tuple[int, ...] = (6, 7, 8)
    weight: float = 0.5
    counted: float = 0.25
    sample: int = 1500
    most: int | None = 50_000
    gold: PathText = ""
    gold_text: PathText = ""
    seed: int = 1
    work: str = ""

    def __post_init__(self) -> None:
        Known.__post_init__(self)
        self.statistics()
        if not 0 <= self.weight <= 1:
            raise ValueError(f"weight must be from 0 to 1, got {self.weight}")
        if not self.counted >= 0:
            raise ValueError(f"counted must not be negative, got {self.counted}")
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, got {self.sample}")
        if not all(layer >= 0 for layer in self.layers):
            raise ValueError(f"layers must be counted from 0, the embeddings, got {self.layers}")

    def statistics(self) -> Statistical:
        """The statistical part."""
        return Statistical(**{f.name: getattr(self, f.name) for f in fields(Statistical)})

    def compares(self, pairs: int) -> bool:
        """Whether each of so many sentence pairs is read by the encoder."""
        return self.most is None or pairs <= self.most

    def fit(self, bitext: Bitext) -> JoinedModel:
        """Train on a bitext.

        Args:
            bitext: Sentence pairs; to align them, train on them too.

        Returns:
            A model that aligns any bitext of these languages.

        Raises:
            ConfigError: No such encoder, or one without vectors of tokens or without such layers.
            DataError: Gold, priors or a dictionary that cannot be read, or a sentence of more than 65,535 words.
            MissingExtraError: What the encoder or learning from gold needs is not installed.

        Complexity: Encoding of the sample, and `Gibbs.fit`.
        """
        encoder = encoder_at(self.encoder, None)
        layers = self.layers if hasattr(encoder, "layer") else ()
        some = evenly(bitext, self.sample)
        similar, words = Similar.learn(encoder, layers, some)
        knowledge = words.knowledge()
        if not knowledge.knows:
            note(f"words.align/auto: {knowledge.warning(*bitext.langs)}; aligned by statistics alone")
            statistical = self.statistics().train(bitext, ())
            return JoinedModel(self, statistical, None, learned=statistical.threshold)
        whole = self.compares(len(bitext))
        if not whole:
            note(
                f"words.align/auto: {len(bitext):,} sentence pairs are more than most = {self.most:,}; the encoder reads so many "
                "of them and teaches the statistics, which align; with most = none it reads all"
            )
        read = bitext if self.most is None else evenly(bitext, max(self.most, self.sample))
        total, by_vectors = Counts(float), []
        for run, of_run in similar.read(read, words):
            of_run.count(run, self.reading, total)
            by_vectors.append(of_run.posteriors())
        statistical = self.statistics().train(bitext, [table(total, self.counted)])
        if self.gold:
            pairs, gold = read_gold(self.gold, self.gold_text, bitext)
            alone = self.statistics().train(bitext, ())
            judge = Judge.learn(pairs, gold, [m.posteriors(pairs) for m in (statistical, alone)], similar.words(pairs))
            model = JoinedModel(self, statistical, similar, judge, alone)
            return replace(model, learned=learned_threshold([model.join(some, words).joint(self.symmetrize)]))
        own = pooled(statistical.posteriors(read), Posteriors.concat(by_vectors), self.weight)
        model = JoinedModel(self, statistical, similar, learned=learned_threshold([own.joint(self.symmetrize)]))
        return replace(model, of=digest(bitext), own=own) if whole else model
