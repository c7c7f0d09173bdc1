#include "text/normalizer.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/text/utf8.h"
#include "text/added_token_matcher.h"
#include "text/regex.h"
#include "text/space_mark.h"
#include "text/unicode_form.h"

namespace llm::text {
namespace {

constexpr size_t kMaxText = size_t{1} << 30;  // ICU counts in 32 bits
constexpr UChar32 kDottedCapitalI = 0x130;    // the only one whose lower case is two characters

// Calls map(character, out) for each character.
template <class Map>
void map_characters(std::string_view text, std::string& out, Map&& map) {
  out.reserve(text.size());
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t at = 0; at < size;) {
    UChar32 c;
    U8_NEXT_UNSAFE(bytes, at, c);
    map(c, out);
  }
}

// Character by character, as Rust's char::to_lowercase: a final sigma is like any other.
class Lowercase final : public NormalizerPart {
 public:
  bool apply(std::string_view text, std::string& out) const override {
    map_characters(text, out, [](UChar32 c, std::string& to) {
      append_utf8(to, static_cast<char32_t>(u_tolower(c)));
      if (c == kDottedCapitalI) append_utf8(to, 0x307);
    });
    return out != text;
  }
};

class StripAccents final : public NormalizerPart {
 public:
  bool apply(std::string_view text, std::string& out) const override {
    map_characters(text, out, [](UChar32 c, std::string& to) {
      if (!is_mark(c)) append_utf8(to, static_cast<char32_t>(c));
    });
    return out != text;
  }
  bool drops_start(std::string_view text) const override {
    UChar32 first;
    U8_GET_UNSAFE(reinterpret_cast<const uint8_t*>(text.data()), 0, first);
    return is_mark(first);
  }

 private:
  static bool is_mark(UChar32 c) { return (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0; }
};

class Strip final : public NormalizerPart {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  bool apply(std::string_view text, std::string& out) const override {
    const size_t begin = left_ ? skip_spaces_right(text, 0) : 0;
    const size_t end = right_ ? std::max(skip_spaces_left(text, text.size()), begin) : text.size();
    if (begin == 0 && end == text.size()) return false;
    out = text.substr(begin, end - begin);
    return true;
  }
  bool drops_start(std::string_view text) const override {
    return left_ && skip_spaces_right(text, 0) > 0;
  }

 private:
  bool left_;
  bool right_;
};

class Prepend final : public NormalizerPart {
 public:
  explicit Prepend(std::string content) : content_(std::move(content)) {}
  bool apply(std::string_view text, std::string& out) const override {
    if (text.empty()) return false;
    out.reserve(content_.size() + text.size());
    out.append(content_).append(text);
    return true;
  }

 private:
  std::string content_;
};

class ReplaceText final : public NormalizerPart {
 public:
  ReplaceText(std::string pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  bool apply(std::string_view text, std::string& out) const override {
    if (text.find(pattern_) == text.npos) return false;
    out = replace_all(text, pattern_, content_);
    return true;
  }
  bool drops_start(std::string_view text) const override {
    return content_.empty() && text.starts_with(pattern_);
  }

 private:
  std::string pattern_;
  std::string content_;
};

class ReplaceMatches final : public NormalizerPart {
 public:
  ReplaceMatches(const std::string& pattern, std::string content, const std::string& where)
      : regex_(pattern, where), content_(std::move(content)) {}
  bool apply(std::string_view text, std::string& out) const override {
    return replace_matches(regex_, text, content_, out);
  }
  bool drops_start(std::string_view text) const override {
    if (!content_.empty()) return false;
    const std::optional<Match> match = regex_.find(text, 0);
    return match && match->begin == 0 && match->end > 0;
  }

 private:
  Regex regex_;
  std::string content_;
};

std::unique_ptr<NormalizerPart> make_part(const NormalizerStep& step,
                                          const std::vector<std::string>& kept,
                                          const std::string& where) {
  switch (step.kind) {
    case NormalizerStep::Kind::kUnicodeForm:
      return std::make_unique<UnicodeForm>(step.form);
    case NormalizerStep::Kind::kLowercase:
      return std::make_unique<Lowercase>();
    case NormalizerStep::Kind::kStrip:
      return std::make_unique<Strip>(step.strip_left, step.strip_right);
    case NormalizerStep::Kind::kStripAccents:
      return std::make_unique<StripAccents>();
    case NormalizerStep::Kind::kPrepend:
      return std::make_unique<Prepend>(step.content);
    case NormalizerStep::Kind::kReplace:
      if (step.is_regex) return std::make_unique<ReplaceMatches>(step.pattern, step.content, where);
      return std::make_unique<ReplaceText>(step.pattern, step.content);
    case NormalizerStep::Kind::kPrecompiled:
      return make_precompiled_part(step, where);
    case NormalizerStep::Kind::kSentencePiece:
      return make_sentencepiece_part(step, kept, where);
  }
  return nullptr;
}

}  // namespace

NormalizerStep unicode_form_step(NormalForm form) {
  NormalizerStep step;
  step.form = form;
  return step;
}

NormalizerStep prepend_step(std::string content) {
  NormalizerStep step;
  step.kind = NormalizerStep::Kind::kPrepend;
  step.content = std::move(content);
  return step;
}

NormalizerStep replace_step(std::string pattern, std::string content, bool is_regex) {
  NormalizerStep step;
  step.kind = NormalizerStep::Kind::kReplace;
  step.pattern = std::move(pattern);
  step.content = std::move(content);
  step.is_regex = is_regex;
  return step;
}

Normalizer::Normalizer(const std::vector<NormalizerStep>& steps,
                       const std::vector<std::string>& kept, const std::string& where) {
  for (const NormalizerStep& step : steps) parts_.push_back(make_part(step, kept, where));
}

std::string_view Normalizer::apply(std::string_view text, std::string& storage,
                                   bool* drops_start) const {
  LLM_CHECK(parts_.empty() || text.size() <= kMaxText,
            "a text of {} bytes is too long to normalise", text.size());
  for (const auto& part : parts_) {
    if (drops_start && !text.empty() && part->drops_start(text)) *drops_start = true;
    std::string changed;
    if (!part->apply(text, changed)) continue;
    storage.swap(changed);
    text = storage;
  }
  return text;
}

}  // namespace llm::text
