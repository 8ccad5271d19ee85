"""A tiny random encoder that says what is masked, with a tokenizer of SentencePiece's kind and the layers that recipes name."""

from __future__ import annotations

from pathlib import Path


def encoder(folder: Path, texts: list[str], *, pieces: int = 600, layers: int = 8, hidden: int = 16) -> Path:
    """A random XLM-R, written to a folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaForMaskedLM

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(
        texts,
        trainers.UnigramTrainer(vocab_size=pieces, special_tokens=special, unk_token="<unk>", show_progress=False),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", cls_token="<s>", pad_token="<pad>", eos_token="</s>", sep_token="</s>",
        unk_token="<unk>", mask_token="<mask>", model_max_length=128,
    )  # fmt: skip
    fast.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        XLMRobertaForMaskedLM(
            XLMRobertaConfig(
                vocab_size=len(fast), hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=layers,
                num_attention_heads=2, max_position_embeddings=130, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            )
        ).save_pretrained(folder)  # fmt: skip
    return folder
