// From pieces back to text: the decoders of Hugging Face `tokenizers`, as a rule for each piece and
// one for the start of the text, so that a text can be decoded piece by piece as it comes.
//
// Bytes are kept as they are, whether or not they form characters (`tokenizers` replaces a run of
// byte pieces that is not valid UTF-8).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "llm/text/tokenizer.h"
#include "text/pre_tokenizer.h"
#include "text/regex.h"

namespace llm::text {

struct DecoderStep {
  enum class Kind { kByteLevel, kReplace, kByteFallback, kFuse, kStrip, kMetaspace };
  Kind kind = Kind::kByteLevel;
  // kReplace, of each piece
  std::string pattern;
  bool is_regex = false;
  std::string content;
  // kStrip: up to this many of the ASCII character `content` at the ends of each piece, or, after
  // kFuse, at the start of the text.
  int64_t start = 0;
  int64_t stop = 0;
  // kMetaspace: `replacement` becomes a space; in the first piece it is dropped unless the scheme
  // is kNever.
  std::string replacement;
  PrependScheme prepend_scheme = PrependScheme::kAlways;

  bool operator==(const DecoderStep&) const = default;
};
DecoderStep decoder_step(DecoderStep::Kind kind);

class Decoder {
 public:
  Decoder() = default;
  // Throws: FormatError naming `where` for a pattern that is wrong, and for steps in an order that
  // no single piece can follow (a Strip at the end of the text, a Replace after Fuse).
  Decoder(std::vector<DecoderStep> steps, const std::string& where);
  const std::vector<DecoderStep>& steps() const { return steps_; }

  // The bytes of a piece that is not the first.
  std::string bytes_of(std::string_view piece) const;
  // Appends what the piece adds to a text: `bytes` is bytes_of(piece).
  void append(std::string_view piece, std::string_view bytes, DecodeState& state,
              std::string& out) const;
  // The same for a word that was never cut into pieces, so without byte pieces: of the first one a
  // mark that Metaspace has put there is dropped.
  void append_word(std::string_view word, DecodeState& state, std::string& out) const;

 private:
  std::string run(std::string_view piece, bool first, bool is_piece) const;
  void append_stripped(std::string_view bytes, DecodeState& state, std::string& out) const;

  std::vector<DecoderStep> steps_;
  std::vector<std::unique_ptr<Regex>> patterns_;  // by step
  bool first_differs_ = false;                    // the first piece has a rule of its own
  char stripped_ = ' ';                           // from the start of the text
  int64_t num_stripped_ = 0;
};

}  // namespace llm::text
