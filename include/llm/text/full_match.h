// Patterns over names, as Python's re.fullmatch reads them (PCRE2, UTF-8, Unicode properties).
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct pcre2_real_code_8;

namespace llm::text {

// Immutable; may be used from many threads at once.
class FullMatch {
 public:
  // `where` is for errors. Throws: FormatError when the pattern is no regular expression.
  FullMatch(const std::string& pattern, const std::string& where);
  // Whether the pattern matches all of `name`. Requires: valid UTF-8. Throws: FormatError when the
  // search goes on and on, as nested repetitions can.
  bool operator()(std::string_view name) const;

 private:
  struct Free {
    void operator()(pcre2_real_code_8* code) const;
  };
  std::string pattern_;
  std::string where_;
  std::unique_ptr<pcre2_real_code_8, Free> code_;
};

}  // namespace llm::text
