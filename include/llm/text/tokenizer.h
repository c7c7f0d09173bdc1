// One tokenizer object for training, evaluation, chat and export: text to ids and back.
//
// A tokenizer is a pipeline, that of Hugging Face `tokenizers`: text is cut at added tokens, each
// rest is normalised, split by the pre-tokenizer and encoded by the model (BPE over bytes or over
// characters, or Unigram); decoders turn pieces back into text. Special tokens inside user text are
// text: they become their id only under EncodeOptions::parse_special (design section 1.9), and text
// that spells a byte piece (<0x41>) stays text too. A Tokenizer is immutable and its const members
// may be called from many threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace llm::text {

struct AddedToken {
  std::string content;
  int32_t id = 0;
  bool special = true;       // dropped by decode(skip_special), never parsed from text unless asked
  bool single_word = false;  // matches only between non-word characters
  bool lstrip = false;       // swallows white space on its left
  bool rstrip = false;       // ... on its right
  bool normalized = false;   // matched after normalisation
};

struct EncodeOptions {
  bool parse_special = false;  // special tokens in the text become their ids
  bool add_special = false;    // what the post-processor adds: BOS, EOS
};

struct TextPart {
  std::string_view text;
  bool parse_special = false;  // special tokens in this part become their ids
};

// What decoding carries from one id to the next.
struct DecodeState {
  bool started = false;  // an id has been decoded
  int64_t stripped = 0;  // characters dropped from the start of the text
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Requires: valid UTF-8 (text/utf8.h checks). Never fails: byte-level models and those with byte
  // fallback cover every byte; a model that has an unknown token uses it and count_unknown tells
  // how often.
  virtual std::vector<int32_t> encode(std::string_view text,
                                      const EncodeOptions& options = {}) const = 0;
  // The parts as one text, where a special token counts only when it lies whole inside a part that
  // has parse_special. Requires: each part is valid UTF-8.
  virtual std::vector<int32_t> encode_parts(std::span<const TextPart> parts) const = 0;
  // Exact bytes of the ids, invalid UTF-8 kept as it is. Throws: DataError for an id outside the
  // vocabulary.
  virtual std::string decode_bytes(std::span<const int32_t> ids,
                                   bool skip_special = false) const = 0;
  // Appends the bytes that `id` adds to a text begun with a fresh state: decode_bytes, id by id.
  virtual void decode_next(int32_t id, bool skip_special, DecodeState& state,
                           std::string& out) const;
  // decode_bytes with invalid UTF-8 replaced by U+FFFD.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;
  // normalise(x), the text that decode(encode(x)) returns.
  virtual std::string normalize(std::string_view text) const = 0;
  // No text can be unknown.
  virtual bool covers_all_text() const { return false; }
  // Bytes of the text for which the vocabulary has no token: they become the unknown token, or
  // nothing where there is none. Always 0 for a tokenizer we train.
  virtual uint64_t count_unknown(std::string_view text) const = 0;

  virtual int32_t vocab_size() const = 0;  // largest id + 1
  virtual std::optional<int32_t> find(std::string_view piece) const = 0;
  virtual const std::string& piece(
      int32_t id) const = 0;  // as written in the vocabulary; "" for an unused id
  virtual bool is_special(int32_t id) const = 0;
  virtual const std::vector<AddedToken>& added_tokens() const = 0;  // ascending ids
  virtual int64_t num_merges() const = 0;

  virtual std::optional<int32_t> bos_id() const = 0;
  virtual std::optional<int32_t> eos_id() const = 0;  // ends a document in training data
  virtual std::optional<int32_t> pad_id() const = 0;
  virtual std::optional<int32_t> unk_id() const = 0;
  // Ids that end a generated turn or document: EOS and the chat template's end-of-turn markers.
  virtual std::vector<int32_t> stop_ids() const = 0;

  // Jinja text of the model's chat template; "" when it has none.
  virtual const std::string& chat_template() const = 0;

  // XXH3-64 over everything that decides ids: vocabulary, merges, scores, kinds of pieces, added
  // tokens, normaliser, pre-tokenizer, and what add_special adds.
  virtual uint64_t fingerprint() const = 0;

  // Writes tokenizer.json and tokenizer_config.json (Hugging Face), and for a SentencePiece model
  // tokenizer.model too, from which load_tokenizer then reads it back exactly (sentencepiece.h says
  // where tokenizer.json cannot say the same). Throws: IoError.
  virtual void save(const std::filesystem::path& directory) const = 0;
};

// Loads a directory (tokenizer.json with tokenizer_config.json, or encoder.json + vocab.bpe, or
// vocab.json + merges.txt, or tokenizer.model), a run directory (that of its newest checkpoint) or
// one of those files; a tokenizer.json may be compressed (.gz, .zst), any file *.model is read as a
// SentencePiece model, any *.bin as a tokenizer of llama2.c, and of a *.gguf file the tokenizer in
// it. tokenizer_config.json, chat_template.jinja and generation_config.json beside it are read for
// the roles of tokens, the chat template and further stop ids. Throws: IoError when nothing is
// there; FormatError for what the file holds and we do not support, by name.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& path);

// Turns a stream of ids into text, holding back bytes until they form whole characters: what push
// and finish return together is decode() of all ids. Not thread-safe.
class StreamingDecoder {
 public:
  explicit StreamingDecoder(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special = true);
  std::string push(int32_t id);  // text that became complete; may be empty
  std::string finish();          // the rest, incomplete bytes as U+FFFD

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool skip_special_;
  DecodeState state_;
  std::string pending_;
};

}  // namespace llm::text
