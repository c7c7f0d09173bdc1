#include <unicode/brkiter.h>
#include <unicode/utext.h>

#include <memory>

#include "llm/core/check.h"
#include "llm/text/utf8.h"
#include "text/chars_map.h"
#include "text/normalizer.h"

namespace llm::text {
namespace {

constexpr size_t kMaxGrapheme = 5;  // bytes; longer ones go character by character

// A charsmap as `tokenizers` applies it: a short grapheme (UAX #29) with a replacement for any of
// its prefixes, the shortest one counting, is replaced as a whole; others character by character.
class Precompiled final : public NormalizerPart {
 public:
  Precompiled(const std::string& charsmap, const std::string& where) : map_(charsmap, where) {
    UErrorCode status = U_ZERO_ERROR;
    graphemes_.reset(icu::BreakIterator::createCharacterInstance(icu::Locale::getRoot(), status));
    LLM_CHECK(U_SUCCESS(status) && graphemes_, "ICU has no grapheme rules: {}",
              u_errorName(status));
  }

  bool apply(std::string_view text, std::string& out) const override {
    if (map_.empty()) return false;
    UErrorCode status = U_ZERO_ERROR;
    const std::unique_ptr<icu::BreakIterator> graphemes(graphemes_->clone());
    UText source = UTEXT_INITIALIZER;
    utext_openUTF8(&source, text.data(), static_cast<int64_t>(text.size()), &status);
    graphemes->setText(&source, status);
    LLM_CHECK(U_SUCCESS(status), "ICU cannot read text: {}", u_errorName(status));
    out.reserve(text.size());
    int32_t begin = graphemes->first();
    for (int32_t end = graphemes->next(); end != icu::BreakIterator::DONE;
         begin = end, end = graphemes->next())
      append(text.substr(begin, end - begin), out);
    utext_close(&source);
    return out != text;
  }

 private:
  void append(std::string_view grapheme, std::string& out) const {
    if (grapheme.size() <= kMaxGrapheme && replace(grapheme, out)) return;
    for (size_t at = 0; at < grapheme.size();) {
      const std::string_view character = grapheme.substr(at, utf8_length(grapheme[at]));
      if (!replace(character, out)) out += character;
      at += character.size();
    }
  }

  bool replace(std::string_view text, std::string& out) const {
    const CharsMap::Match match = map_.shortest(text);
    out += match.replacement;
    return match.length > 0;
  }

  CharsMap map_;
  std::unique_ptr<icu::BreakIterator> graphemes_;
};

}  // namespace

std::unique_ptr<NormalizerPart> make_precompiled_part(const NormalizerStep& step,
                                                      const std::string& where) {
  return std::make_unique<Precompiled>(step.charsmap, where);
}

}  // namespace llm::text
