#!/usr/bin/env python3
"""Goldens of SentencePiece-style tokenizers, made with `sentencepiece` and Hugging Face `tokenizers`.

Usage: python scripts/goldens/make_sentencepiece.py   (in the environment of scripts/setup.sh --oracle)

Trains small models on sentencepiece_corpus.txt and writes to tests/golden/tokenizers/sentencepiece/: the .model files,
tokenizer.json files in the ways that published models are written, and cases.json (texts and the ids each of them gets).
"""
import gzip
import io
import json
import pathlib

import sentencepiece
from make_tokenizers import TEXTS as BYTE_LEVEL_TEXTS
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parents[1] / "tests/golden/tokenizers/sentencepiece"
MARK = "\u2581"

TEXTS = BYTE_LEVEL_TEXTS + [
    MARK, f"a{MARK}b", f" {MARK} a", f"{MARK}{MARK} ", f"{MARK}the", "the{MARK}", f" {MARK}", "<s>", "</s>", "<s>the river</s>",
    "the <s> river", "<unk>", "a <unk> b", "<0x0A>", "<0x41><0xZZ>", "<0xff>", "<sep>", "a<sep>b", " <sep> the", "<sep><sep>",
    "the<sep> river <sep>", "<se<sep>p>", "<ctl>", "a<ctl>b", "<sepa>", "xx<sepa> <sepab>", "aaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abababababababab", "a b  c   d    e", "  the river", "the river  ", " the  river ", "\tthe\triver\t", "\nthe\nriver\n",
    "the\u00a0river\u3000runs", "\u3000the", "the\u200briver", "\u212b \u00c5 A\u030a", "\u1112\u1161\u11ab\u1100\u116e\u11a8",
    "\uff21\uff22\uff23 \uff11\uff12\uff13 \u2460 \u00bd \ufb01ne \u338f \u2122 \u337f", "\u30ac \u30ab\u3099 \uff76\uff9e",
    "e\u0301e\u0301 E\u0300", "\ufeffthe", "\u00ad", "\u00ad \u00ad", "\x01\x02", "\x7f\x80\x9f", "the \u0130 ISTANBUL \u03a3\u03c3\u03c2",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family", "\U0001f1f0\U0001f1f7", "\ud7a3\u1112", "\u0e33\u0e01\u0e33", "qqqq zzzz QQQ",
    "\u4e00\u4e01\u4e02 \u9fa5", "the \U00020000 \U0010ffff end", "12 345 6789 0", "1234567890" * 3, "=====-----+++++.....",
    "the river runs slowly past the old mill " * 12, "\u4eca\u65e5\u306f" * 40, "x" * 200, " " * 64 + "the" + " " * 64,
]

BPE, UNIGRAM = "bpe", "unigram"
SMALL_RULES = "41\t61\n42 43\t64\nFF21\t41 20 41\n20AC\t45 55 52\n3000\t20\n9\t20\nE9\t65 301\n2460\t\n"  # A->a, BC->d, ...


def settings():
    common = dict(hard_vocab_limit=False, num_threads=1, minloglevel=2)
    plain = dict(common, normalization_rule_name="identity", remove_extra_whitespaces=False)
    return {
        "bpe_llama": dict(plain, model_type=BPE, vocab_size=700, byte_fallback=True, split_digits=True,
                          character_coverage=0.98, allow_whitespace_only_pieces=True),
        "bpe_bare": dict(plain, model_type=BPE, vocab_size=700, byte_fallback=True, add_dummy_prefix=False, pad_id=3,
                         user_defined_symbols=["<sep>", "<sepa>", "\n", "aa"], control_symbols=["<ctl>"], split_by_whitespace=False),
        "bpe_rules": dict(common, model_type=BPE, vocab_size=500, normalization_rule_tsv="RULES", user_defined_symbols=["<sep>", "BC"],
                          bos_id=-1),
        "unigram": dict(common, model_type=UNIGRAM, vocab_size=500, character_coverage=0.98),
        "unigram_bytes": dict(plain, model_type=UNIGRAM, vocab_size=800, byte_fallback=True, character_coverage=0.98,
                              user_defined_symbols=["<sep>", "<sepa>", "ver"], control_symbols=["<ctl>"], split_digits=True),
    }


def train(options):
    lines = (HERE / "sentencepiece_corpus.txt").read_text(encoding="utf-8").splitlines()
    options = dict(options)
    if options.get("normalization_rule_tsv"):
        path = OUT / "rules.tsv"
        path.write_text(SMALL_RULES)
        options["normalization_rule_tsv"] = str(path)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines * 4), model_writer=model, **options)
    (OUT / "rules.tsv").unlink(missing_ok=True)
    return model.getvalue()


def charsmap_of(model):
    """The precompiled_charsmap (field 3.2) of a ModelProto."""
    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value
        while at < len(data):
            key = varint()
            if key & 7 == 0:
                yield key >> 3, varint()
            else:
                size = {1: 8, 5: 4}.get(key & 7) or varint()
                yield key >> 3, data[at:at + size]
                at += size
    return dict(fields(dict(fields(model))[3])).get(2, b"")


def merges_of(vocab, scores):
    merges = []
    for piece, score in scores.items():
        for at in range(1, len(piece)):
            if piece[:at] in vocab and piece[at:] in vocab:
                merges.append((score, at, (piece[:at], piece[at:])))
    return [pair for *_, pair in sorted(merges, key=lambda m: (-m[0], -m[1]))]


def added(tokenizer, processor, normalized=False):
    tokenizer.add_special_tokens([AddedToken(processor.id_to_piece(i), special=True, normalized=normalized)
                                  for i in range(processor.get_piece_size())
                                  if processor.is_control(i) or processor.is_unknown(i)])


def template(tokenizer, text):
    words = [word for word in text.split() if word != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=text, special_tokens=[(word, tokenizer.token_to_id(word)) for word in words])


def fallback_decoder(strips=True):
    steps = [decoders.Replace(MARK, " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + [decoders.Strip(" ", 1, 0)] * strips)


def bpe(processor, **options):
    vocab = {processor.id_to_piece(i): i for i in range(processor.get_piece_size())}
    scores = {processor.id_to_piece(i): processor.get_score(i) for i in range(processor.get_piece_size())
              if not (processor.is_control(i) or processor.is_unknown(i) or processor.is_byte(i))}
    return Tokenizer(models.BPE(vocab=vocab, merges=merges_of(vocab, scores), **options))


def unigram(processor, byte_fallback):
    vocab = [(processor.id_to_piece(i), processor.get_score(i)) for i in range(processor.get_piece_size())]
    return Tokenizer(models.Unigram(vocab, processor.unk_id(), byte_fallback))


def hugging_face(trained):
    processors_of = {name: sentencepiece.SentencePieceProcessor(model_proto=model) for name, model in trained.items()}
    llama, rules, uni, uni_bytes = (processors_of[n] for n in ("bpe_llama", "bpe_rules", "unigram", "unigram_bytes"))
    fallback = dict(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    made = {}

    legacy = made["hf_llama_legacy"] = bpe(llama, **fallback)
    legacy.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(" ", MARK)])
    legacy.decoder = fallback_decoder()
    added(legacy, llama)
    legacy.add_tokens([AddedToken("<sep>", normalized=False)])
    template(legacy, "<s> $A")

    first = made["hf_llama_first"] = bpe(llama, **fallback)
    first.pre_tokenizer = pre_tokenizers.Metaspace(MARK, "first", split=False)
    first.decoder = fallback_decoder()
    added(first, llama)
    first.add_tokens([AddedToken("<sep>", normalized=False, lstrip=True)])
    template(first, "<s> $A </s>")

    never = made["hf_ignore_merges"] = bpe(llama, ignore_merges=True, **fallback)
    never.pre_tokenizer = pre_tokenizers.Metaspace(MARK, "never", split=True)
    never.decoder = decoders.Metaspace(MARK, "never")
    added(never, llama, normalized=True)

    unfused = made["hf_bpe_unfused"] = bpe(rules, unk_token="<unk>", fuse_unk=False)
    unfused.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase(),
                                               normalizers.Strip(), normalizers.Replace(Regex(r"\s+"), " ")])
    unfused.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.Metaspace(MARK, "first")])
    unfused.decoder = decoders.Metaspace(MARK, "first")
    added(unfused, rules)

    t5 = made["hf_unigram"] = unigram(uni, False)
    t5.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap_of(trained["unigram"])),
                                          normalizers.Replace(Regex(" {2,}"), " ")])
    t5.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(MARK, "always")])
    t5.decoder = decoders.Metaspace(MARK, "always")
    added(t5, uni)
    template(t5, "$A </s>")

    wide = made["hf_unigram_bytes"] = unigram(uni_bytes, True)
    wide.pre_tokenizer = pre_tokenizers.Metaspace(MARK, "always", split=False)
    wide.decoder = fallback_decoder()
    added(wide, uni_bytes)
    return made


def hugging_face_cases(tokenizer):
    tokenizer.encode_special_tokens = True
    plain = [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]
    tokenizer.encode_special_tokens = False
    parsed = [tokenizer.encode(text, add_special_tokens=True).ids for text in TEXTS]
    decoded = [tokenizer.decode(ids, skip_special_tokens=True) for ids in parsed]
    return {"plain": plain, "parsed": parsed, "decoded": decoded}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    trained = {name: train(options) for name, options in settings().items()}
    cases = {"versions": {"sentencepiece": sentencepiece.__version__}, "texts": TEXTS, "models": {}, "tokenizers": {}}
    for name, model in trained.items():
        (OUT / f"{name}.model").write_bytes(model)
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        ids = [processor.encode(text) for text in TEXTS]
        cases["models"][name] = {"ids": ids, "decoded": [processor.decode(i) for i in ids]}
    for name, tokenizer in hugging_face(trained).items():
        text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
        # The large charsmap of nmt_nfkc goes compressed, which load_tokenizer reads as well.
        if len(text) > 100000:
            (OUT / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
        else:
            (OUT / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        cases["tokenizers"][name] = hugging_face_cases(tokenizer)
    (OUT / "cases.json").write_text(json.dumps(cases, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
