"""The vocabulary of `tinyworld.tokens` as a tokenizer that transformers loads."""

from __future__ import annotations

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tinyworld import tokens


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Words, marks and codes, written <0> to <255>, to the ids that `tinyworld.tokens` gives them."""
    codes = [f"<{i}>" for i in range(tokens.CODES)]
    ids = tokens.IDS | {code: tokens.IMAGE_OFFSET + i for i, code in enumerate(codes)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=tokens.UNKNOWN))
    tokenizer.normalizer = normalizers.Lowercase()
    words = pre_tokenizers.Split(Regex("[a-z]+|[,?]"), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = words
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)  # no space before a comma or a question mark
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in tokens.MARKS])
    tokenizer.add_tokens([AddedToken(code, normalized=False) for code in codes])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=tokens.PAD,
        eos_token=tokens.END,
        unk_token=tokens.UNKNOWN,
        model_max_length=tokens.LONGEST,
        padding_side="right",
        clean_up_tokenization_spaces=False,
    )
