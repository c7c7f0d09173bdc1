#include "text/jinja/string_literal.h"

#include <unicode/uchar.h>

#include <charconv>

#include "llm/text/utf8.h"

namespace llm::text::jinja {
namespace {

constexpr std::string_view kLetters = "abfnrtv\\'\"";
constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";

class Unescaper {
 public:
  explicit Unescaper(std::string_view literal) : rest_(literal) {}

  std::string run(std::string& problem) {
    while (!rest_.empty() && problem_.empty()) {
      const size_t slash = rest_.find('\\');
      out_ += rest_.substr(0, slash);
      if (slash == rest_.npos) break;
      rest_.remove_prefix(slash + 1);
      read_escape();
    }
    problem = problem_;
    return std::move(out_);
  }

 private:
  void read_escape() {
    if (rest_.empty()) {
      problem_ = "a \\ at the end of the string";
      return;
    }
    const char c = rest_[0];
    if (const size_t known = kLetters.find(c); known != kLetters.npos) {
      out_ += kMeanings[known];
      rest_.remove_prefix(1);
    } else if (c == '\n') {
      rest_.remove_prefix(1);
    } else if (c >= '0' && c <= '7') {
      size_t count = 1;
      while (count < 3 && count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '7')
        ++count;
      add_number(0, count, 8);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      add_number(1, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16);
    } else if (c == 'N') {
      add_named();
    } else {
      out_ += '\\';  // not an escape: the backslash is meant
    }
  }

  void add_number(size_t begin, size_t count, int base) {
    const std::string_view digits = rest_.substr(begin, count);
    uint32_t code = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, base);
    if (error != std::errc() || digits.size() != count || end != digits.data() + digits.size()) {
      problem_ = "an escape \\" + std::string(1, rest_[0]) + " without its digits";
    } else if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      problem_ = "an escape of what is no character";
    } else {
      append_utf8(out_, code);
      rest_.remove_prefix(begin + count);
    }
  }

  void add_named() {
    const size_t end = rest_.find('}');
    UErrorCode status = U_ZERO_ERROR;
    UChar32 code = 0;
    if (rest_.size() > 1 && rest_[1] == '{' && end != rest_.npos)
      code = u_charFromName(U_EXTENDED_CHAR_NAME, std::string(rest_.substr(2, end - 2)).c_str(),
                            &status);
    if (code == 0 || U_FAILURE(status)) {
      problem_ = "an escape \\N without the name of a character";
      return;
    }
    append_utf8(out_, static_cast<char32_t>(code));
    rest_.remove_prefix(end + 1);
  }

  std::string_view rest_;
  std::string out_;
  std::string problem_;
};

}  // namespace

std::string unescape(std::string_view literal, std::string& problem) {
  return Unescaper(literal).run(problem);
}

}  // namespace llm::text::jinja
