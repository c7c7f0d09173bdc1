#include <fmt/format.h>

#include <cctype>

#include "llm/core/error.h"
#include "text/regex.h"

namespace llm::text {
namespace {

// White_Space (Unicode): PCRE2's own \s also takes U+180E. \w as Oniguruma has it: Unicode's word
// characters and six Latin-1 digits and fractions.
constexpr std::string_view kSpaces = R"(\t-\r\x{85}\p{Z})";
constexpr std::string_view kWordCharacters =
    R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{b2}\x{b3}\x{b9}\x{bc}-\x{be})";

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& where) : in_(pattern), where_(where) {}

  std::string run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '\\')
        escape();
      else if (in_class_)
        class_character(c);
      else
        plain_character(c);
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw core::FormatError({where_, "a pattern both regular-expression engines read alike",
                             fmt::format("{} at character {} of '{}'", what, at_, in_), ""});
  }

  void copy(size_t count) {
    out_.append(in_.substr(at_, count));
    at_ += count;
  }

  void plain_character(char c) {
    if (c == '[') {
      in_class_ = true;
      copy(1);
      if (at_ < in_.size() && in_[at_] == '^') copy(1);
      if (at_ < in_.size() && in_[at_] == ']') copy(1);  // a leading ] is literal
      return;
    }
    copy(1);
  }

  void class_character(char c) {
    if (c == ']') in_class_ = false;
    if (c == '[') refuse("a nested character class");
    if (c == '&' && in_.substr(at_).starts_with("&&")) refuse("an intersection of classes");
    copy(1);
  }

  void set(std::string_view members, bool negated) {
    if (in_class_ && negated) refuse("a negated set inside a character class");
    if (in_class_)
      out_.append(members);
    else
      out_.append(negated ? "[^" : "[").append(members).append("]");
    at_ += 2;
  }

  void escape() {
    if (at_ + 1 >= in_.size()) refuse("a lone backslash");
    const char c = in_[at_ + 1];
    switch (c) {
      case 's':
        return set(kSpaces, false);
      case 'S':
        return set(kSpaces, true);
      case 'w':
        return set(kWordCharacters, false);
      case 'W':
        return set(kWordCharacters, true);
      case 'u':
        return code_point();
      case 'p':
      case 'P':
      case 'd':
      case 'D':
      case 'r':
      case 'n':
      case 't':
      case 'f':
      case 'x':
        return copy(2);
      case 'A':
      case 'z':
        if (in_class_) refuse(fmt::format("\\{} inside a character class", c));
        return copy(2);
      default:
        if (std::isalnum(static_cast<unsigned char>(c))) refuse(fmt::format("\\{}", c));
        return copy(2);
    }
  }

  void code_point() {
    const std::string_view digits = in_.substr(at_ + 2, 4);
    if (digits.size() != 4) refuse("\\u without four digits");
    for (const char d : digits)
      if (!std::isxdigit(static_cast<unsigned char>(d))) refuse("\\u without four digits");
    out_.append("\\x{").append(digits).append("}");
    at_ += 6;
  }

  std::string_view in_;
  const std::string& where_;
  std::string out_;
  size_t at_ = 0;
  bool in_class_ = false;
};

}  // namespace

std::string translate_pattern(std::string_view pattern, const std::string& where) {
  return Translator(pattern, where).run();
}

std::string escape_pattern(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::ispunct(static_cast<unsigned char>(c))) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

}  // namespace llm::text
