#!/usr/bin/env python3
"""Checks that `tokenizers`, transformers and sentencepiece read what Tokenizer::save wrote, with equal ids.

Usage: python scripts/goldens/check_saved_tokenizers.py MODEL FOLDER   (in the environment of scripts/setup.sh --oracle)

MODEL   the tokenizer.model that was loaded
FOLDER  where it was saved: tokenizer.json, tokenizer_config.json, tokenizer.model
Prints the texts that differ; exit code 1 when tokenizer.model differs, or tokenizer.json on more than 1 text in 10
(include/llm/text/sentencepiece.h says where it may).
"""
import pathlib
import sys

import sentencepiece
from make_sentencepiece import TEXTS
from tokenizers import Tokenizer
from transformers import AutoTokenizer


def main():
    folder = pathlib.Path(sys.argv[2])
    source = sentencepiece.SentencePieceProcessor(model_file=sys.argv[1])
    saved = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
    fast.encode_special_tokens = True
    auto = AutoTokenizer.from_pretrained(folder)
    model_differs = json_differs = 0
    for text in TEXTS:
        expected = source.encode(text)
        model_differs += saved.encode(text) != expected or saved.decode(expected) != source.decode(expected)
        ids = fast.encode(text, add_special_tokens=False).ids
        if ids != expected:
            json_differs += 1
            print(f"tokenizer.json differs: {text[:60]!r}")
        if auto.encode(text, add_special_tokens=False) != fast.encode(text, add_special_tokens=False).ids and "<" not in text:
            print(f"transformers differs from tokenizers: {text[:60]!r}")
    print(f"{len(TEXTS)} texts: tokenizer.model differs on {model_differs}, tokenizer.json on {json_differs}")
    sys.exit(model_differs > 0 or json_differs * 10 > len(TEXTS))


if __name__ == "__main__":
    main()
