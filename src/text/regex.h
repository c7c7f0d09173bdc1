// Compiled regular expressions (PCRE2 with JIT, UTF-8, Unicode properties), written in the syntax
// of Hugging Face `tokenizers` (Oniguruma). What the two engines read differently is rewritten to
// Oniguruma's meaning or refused.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace llm::text {

struct Match {
  size_t begin = 0;
  size_t end = 0;
};

// Immutable; find() may run in many threads at once (match state is per thread).
class Regex {
 public:
  // Throws: FormatError naming `where` when the pattern is wrong or uses what we do not support.
  Regex(const std::string& pattern, const std::string& where);
  // First match at or after `start`. Requires: `subject` is valid UTF-8 and `start` begins a
  // character. Throws: DataError when the pattern needs more memory than a match may take.
  std::optional<Match> find(std::string_view subject, size_t start) const;
  const std::string& pattern() const { return pattern_; }

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::string pattern_;
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

// Appends `text` to `out` with every match replaced by `content`; false when there is none (`out`
// is then left alone).
bool replace_matches(const Regex& regex, std::string_view text, std::string_view content,
                     std::string& out);
// The pattern in PCRE2's syntax. Throws: FormatError.
std::string translate_pattern(std::string_view pattern, const std::string& where);
// A pattern that matches `text` literally.
std::string escape_pattern(std::string_view text);

}  // namespace llm::text
