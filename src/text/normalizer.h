// Normalisers: what happens to text before it is cut into words. Unicode forms come from ICU
// (UAX #15, unassigned code points stay as they are), the others are those of Hugging Face
// `tokenizers` and of SentencePiece.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llm::text {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };
const char* normal_form_name(NormalForm form);  // "NFC", ...

struct NormalizerStep {
  enum class Kind {
    kUnicodeForm,
    kLowercase,
    kStrip,          // white space at the ends
    kStripAccents,   // combining marks
    kPrepend,        // `content`, to text that is not empty
    kReplace,        // every `pattern` by `content`
    kPrecompiled,    // `charsmap` as `tokenizers` applies it, grapheme by grapheme
    kSentencePiece,  // SentencePiece's own normaliser, with all its switches
  };
  Kind kind = Kind::kUnicodeForm;
  NormalForm form = NormalForm::kNfc;
  bool strip_left = true;
  bool strip_right = true;
  std::string pattern;
  bool is_regex = false;  // else `pattern` is matched literally
  std::string content;
  std::string charsmap;  // precompiled_charsmap (text/chars_map.h)
  // kSentencePiece
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;

  bool operator==(const NormalizerStep&) const = default;
};
NormalizerStep unicode_form_step(NormalForm form);
NormalizerStep prepend_step(std::string content);
NormalizerStep replace_step(std::string pattern, std::string content, bool is_regex = false);

// One step, ready to run.
class NormalizerPart {
 public:
  virtual ~NormalizerPart() = default;
  // True when the text changes: it is then in `out`, which was empty. Requires: valid UTF-8.
  virtual bool apply(std::string_view text, std::string& out) const = 0;
  // Whether apply() drops the first character, so that what is left is no longer the start of the
  // text for Metaspace. Requires: `text` is not empty.
  virtual bool drops_start(std::string_view /*text*/) const { return false; }
};

// Applies steps one after the other. Immutable; safe to use from many threads.
class Normalizer {
 public:
  Normalizer() = default;
  // `kept`: strings that SentencePiece's normaliser leaves as they are (user-defined pieces).
  // Throws: FormatError naming `where` for a pattern or charsmap that is wrong.
  Normalizer(const std::vector<NormalizerStep>& steps, const std::vector<std::string>& kept,
             const std::string& where);
  bool empty() const { return parts_.empty(); }
  // The normalised text: `text` itself when nothing changes, else a view of `storage`.
  // `drops_start`, when asked for: characters were dropped from the start. Requires: valid UTF-8.
  std::string_view apply(std::string_view text, std::string& storage,
                         bool* drops_start = nullptr) const;

 private:
  std::vector<std::unique_ptr<NormalizerPart>> parts_;
};

// Parts that have files of their own.
std::unique_ptr<NormalizerPart> make_precompiled_part(const NormalizerStep& step,
                                                      const std::string& where);
std::unique_ptr<NormalizerPart> make_sentencepiece_part(const NormalizerStep& step,
                                                        const std::vector<std::string>& kept,
                                                        const std::string& where);

}  // namespace llm::text
