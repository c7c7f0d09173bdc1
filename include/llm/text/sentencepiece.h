// SentencePiece models (BPE and Unigram), encoded by our own code: ids are those of the
// `sentencepiece` library (0.2.3) for any text, with the model's own normaliser (identity, nfkc,
// nmt_nfkc or any other precompiled_charsmap), dummy prefix, extra white space, user-defined
// symbols and byte fallback. Refused by name: model types WORD and CHAR,
// treat_whitespace_as_suffix, a denormaliser.
//
// What differs from the library's conveniences: unknown tokens decode to their piece ("<unk>"), and
// bytes that form no character are kept by decode_bytes and become U+FFFD in decode, one for each
// maximal invalid part. With parse_special, every stretch of text between special tokens is a text
// of its own, with a dummy prefix of its own.
//
// Tokenizer::save writes tokenizer.model (exact) and tokenizer.json. Where Hugging Face
// `tokenizers` can give other ids from the latter than SentencePiece:
// - a precompiled_charsmap is applied there to whole graphemes, by the shortest match, so
// decomposed
//   letters and joined sequences may come out otherwise;
// - user-defined symbols become added tokens: what follows one gets a dummy prefix of its own, the
//   normaliser no longer sees around them, and in a Unigram model they always win;
// - BPE pieces of equal score, and different splits of one piece, are merged in a fixed order there
//   and from left to right by SentencePiece;
// - Unigram sums scores in double precision there and in single precision here, so paths that are
//   equally good may be told apart otherwise;
// - text that spells a byte piece (<0x0A>), an unknown or a special piece can become that piece
//   there.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "llm/text/tokenizer.h"

namespace llm::text {

// The content of a tokenizer.model (a serialised ModelProto). `where` names it in errors. BOS, when
// the model has one, is what EncodeOptions::add_special adds. Throws: FormatError.
std::shared_ptr<const Tokenizer> tokenizer_from_sentencepiece(std::string_view bytes,
                                                              const std::string& where);

// The content of a tokenizer.bin of llama2.c: u32 (LE) longest piece, then per piece f32 score, i32
// length and bytes, up to the end. Throws: FormatError.
std::shared_ptr<const Tokenizer> tokenizer_from_llama2c(std::string_view bytes,
                                                        const std::string& where);

}  // namespace llm::text
