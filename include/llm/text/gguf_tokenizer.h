// Tokenizers in GGUF metadata (the keys tokenizer.ggml.*), as plain values, to a Tokenizer and
// back.
//
// Kinds: "gpt2" (byte-level BPE; its pre-tokenizer goes by a name that llama.cpp knows), "llama"
// (SentencePiece BPE) and "t5" (Unigram). llama.cpp never normalises text: the qwen2 name stands
// for Hugging Face's pipeline with NFC here, as the models were trained with.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "llm/io/gguf.h"
#include "llm/io/gguf_writer.h"
#include "llm/text/tokenizer.h"

namespace llm::text {

struct GgufVocabulary {
  std::string model;                // tokenizer.ggml.model: "gpt2", "llama" or "t5"
  std::string pre;                  // .pre: the pre-tokenizer of "gpt2"; else "default" or ""
  std::vector<std::string> tokens;  // by id
  std::vector<float> scores;        // by id; "gpt2" has none
  // By id: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. May be empty for
  // "gpt2": then all tokens are normal.
  std::vector<int32_t> token_types;
  std::vector<std::string> merges;  // "left right"; of "gpt2"
  std::optional<int32_t> bos_id;
  std::optional<int32_t> eos_id;
  std::optional<int32_t> eot_id;  // ends a turn; stops generation as EOS does
  std::optional<int32_t> eom_id;  // ends a message that calls a tool; stops as well
  std::optional<int32_t> unk_id;
  std::optional<int32_t> pad_id;
  std::optional<bool> add_bos;
  std::optional<bool> add_eos;
  std::optional<bool> add_space_prefix;
  std::optional<bool> remove_extra_whitespaces;
  std::string precompiled_charsmap;
  std::string chat_template;
};

// The metadata keys of a file, and the other way round. A file without a tokenizer has an empty
// `model`. Throws: FormatError naming the key for a value of another type.
GgufVocabulary read_gguf_vocabulary(const io::GgufFile& file);
void write_gguf_vocabulary(const GgufVocabulary& vocabulary, io::GgufMetadata& metadata);

// Padding rows ("[PAD32000]", type 5, at the end) are left out; vocab_size() may then be smaller
// than tokens.size(). What is not said: "llama" has BOS and a space prefix, "t5" has EOS, a space
// prefix and no extra white space, and "llama-bpe" has BOS, as in llama.cpp. Throws: FormatError
// naming the key and the kinds or pre-tokenizers we know.
std::shared_ptr<const Tokenizer> tokenizer_from_gguf(const GgufVocabulary& vocabulary,
                                                     const std::string& where);

struct GgufVocabularyExport {
  GgufVocabulary vocabulary;
  std::vector<std::string> warnings;  // what the file will not do, for the user to read
};
// Pads the vocabulary to `num_rows`, the rows of the model's embedding (0: no padding). Throws:
// FormatError when GGUF has no name for the tokenizer's parts; LLM_CHECK fails for a tokenizer that
// this library did not make, or a num_rows below its vocabulary.
GgufVocabularyExport gguf_vocabulary_of(const Tokenizer& tokenizer, int64_t num_rows = 0);

}  // namespace llm::text
