// SentencePiece models as a TokenizerSpec: the spec follows SentencePiece's own rules (kinds of
// pieces, its normaliser, merges of equal rank), which as_hugging_face() turns into the parts that
// `tokenizers` knows.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer_spec.h"

namespace llm::text {

// What ModelProto, GGUF and llama2.c tell about a model.
struct SentencePieceModel {
  bool is_unigram = false;
  std::vector<std::string> pieces;
  std::vector<float> scores;
  std::vector<PieceKind> kinds;
  bool byte_fallback = false;
  std::string normalizer_name = "identity";
  std::string charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = false;
  bool escape_whitespaces = true;
  // Ids; -1: none.
  int32_t unk_id = -1;
  int32_t bos_id = -1;
  int32_t eos_id = -1;
  int32_t pad_id = -1;
};

// Checks the model and makes the spec. BOS, when there is one, is what EncodeOptions::add_special
// puts before a text. Throws: FormatError naming `where`.
TokenizerSpec sentencepiece_spec(SentencePieceModel model, const std::string& where);
// The way back. Requires: spec.is_sentencepiece().
SentencePieceModel sentencepiece_model_of(const TokenizerSpec& spec);

// The same tokenizer in parts that Hugging Face `tokenizers` has. Requires:
// spec.is_sentencepiece().
TokenizerSpec as_hugging_face(const TokenizerSpec& spec);

// Fills merges, merged and ranks from pieces and scores: a piece can be made of any two pieces that
// it is made up of, and the higher its score, the earlier. Pieces for which `may_merge` is false
// take no part.
void build_merges(BpeRules& rules, const std::vector<bool>& may_merge);

// tokenizer.model: a serialised ModelProto (sentencepiece_model.proto of google/sentencepiece).
// Throws: FormatError naming `where` and the byte.
SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& where);
std::string write_sentencepiece(const SentencePieceModel& model);

// tokenizer.bin of llama2.c: u32 (LE) longest piece, then per piece f32 score, i32 length, bytes
// (spaces for U+2581; BOS and EOS between line breaks). Throws: FormatError naming `where`.
SentencePieceModel parse_llama2c(std::string_view bytes, const std::string& where);

}  // namespace llm::text
