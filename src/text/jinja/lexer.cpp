#include <unicode/uchar.h>

#include <algorithm>
#include <array>

#include "llm/core/error.h"
#include "llm/text/utf8.h"
#include "text/jinja/string_literal.h"
#include "text/jinja/token.h"
#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

constexpr std::array<std::string_view, 26> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

// Every kind of line end becomes \n, and one at the very end goes.
std::string normal_lines(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
    } else {
      out += '\n';
      if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
    }
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

class Lexer {
 public:
  Lexer(std::string source, const std::string& name) : source_(std::move(source)), name_(name) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_data();
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw core::FormatError({fmt::format("{}:{}", name_, line_), "", problem, ""});
  }

  bool starts(std::string_view what, size_t shift = 0) const {
    return at_ + shift <= source_.size() &&
           std::string_view(source_).substr(at_ + shift).starts_with(what);
  }

  void advance(size_t end) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<ptrdiff_t>(at_),
                                         source_.begin() + static_cast<ptrdiff_t>(end), '\n'));
    at_ = end;
  }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  size_t skip_space(size_t at) const {
    while (at < source_.size()) {
      const Character c = character_at(source_, at);
      if (!is_space(c.code)) break;
      at = c.end;
    }
    return at;
  }

  // Text up to the next tag, without the white space that the tag takes away.
  void read_data() {
    const size_t open = find_tag(at_);
    if (open == source_.npos) return add_data(source_.size(), source_.size());
    const char kind = source_[open + 1];
    const char sign = open + 2 < source_.size() ? source_[open + 2] : ' ';
    const bool has_sign = sign == '-' || sign == '+';
    add_data(data_end(open, sign, kind == '{'), open);
    if (kind == '%') {
      if (const size_t body = raw_body(open); body != 0) return read_raw(body);
    }
    advance(open + (has_sign ? 3 : 2));
    if (kind == '#') return skip_comment();
    read_tag(kind == '{');
  }

  size_t find_tag(size_t from) const {
    for (size_t at = source_.find('{', from); at != source_.npos; at = source_.find('{', at + 1)) {
      const char next = at + 1 < source_.size() ? source_[at + 1] : ' ';
      if (next == '{' || next == '%' || next == '#') return at;
    }
    return source_.npos;
  }

  void add_data(size_t end, size_t next) {
    if (end > at_) add(TokenKind::kData, source_.substr(at_, end - at_));
    advance(next);
  }

  size_t data_end(size_t open, char sign, bool is_variable) const {
    const std::string_view text(source_.data(), open);
    if (sign == '-') {
      size_t end = open;
      while (end > at_) {
        const Character c = character_before(text, end);
        if (!is_space(c.code)) break;
        end = c.begin;
      }
      return std::max(end, at_);
    }
    if (sign == '+' || is_variable) return open;
    // lstrip_blocks: white space between the start of the line and the tag.
    size_t line = open;
    while (line > at_ && source_[line - 1] != '\n') --line;
    const bool is_line_start = line > at_ || at_ == 0 || source_[at_ - 1] == '\n';
    return is_line_start && skip_space(line) >= open ? line : open;
  }

  // Where the body of {% raw %} begins; 0 for another tag.
  size_t raw_body(size_t open) const {
    size_t at = open + 2;
    if (at < source_.size() && (source_[at] == '-' || source_[at] == '+')) ++at;
    at = skip_space(at);
    if (source_.compare(at, 3, "raw") != 0) return 0;
    at = skip_space(at + 3);
    if (source_.compare(at, 2, "%}") == 0) return at + 2;
    return source_.compare(at, 3, "-%}") == 0 ? skip_space(at + 3) : 0;
  }

  void read_raw(size_t body) {
    advance(body);
    if (at_ == source_.size()) return;
    for (size_t open = source_.find("{%", at_); open != source_.npos;
         open = source_.find("{%", open + 1)) {
      size_t at = open + 2;
      const char sign = at < source_.size() ? source_[at] : ' ';
      if (sign == '-' || sign == '+') ++at;
      at = skip_space(at);
      if (source_.compare(at, 6, "endraw") != 0) continue;
      const size_t end = block_end(skip_space(at + 6), "%}");
      if (end == 0) continue;
      return add_data(data_end(open, sign, false), end);
    }
    fail("missing end of the raw block");
  }

  // Where a tag that may end at `at` with `mark` has ended, and the white space it takes with it; 0
  // when it does not end there.
  size_t block_end(size_t at, std::string_view mark) const {
    const std::string_view rest = std::string_view(source_).substr(std::min(at, source_.size()));
    if (rest.starts_with('+') && rest.substr(1).starts_with(mark)) return at + 3;
    if (rest.starts_with('-') && rest.substr(1).starts_with(mark)) return skip_space(at + 3);
    if (!rest.starts_with(mark)) return 0;
    return at + 2 < source_.size() && source_[at + 2] == '\n' ? at + 3 : at + 2;
  }

  void skip_comment() {
    if (at_ == source_.size()) return;  // jinja2 has no objection to {# at the very end
    for (size_t at = at_; at < source_.size(); ++at) {
      const size_t end = block_end(at, "#}");
      if (end != 0) return advance(end);
    }
    fail("missing end of the comment");
  }

  void read_tag(bool is_variable) {
    add(is_variable ? TokenKind::kVariableBegin : TokenKind::kBlockBegin, "");
    std::string open_brackets;
    for (;;) {
      if (at_ >= source_.size()) return;  // the parser says what is missing
      if (open_brackets.empty()) {
        if (const size_t end = is_variable ? variable_end() : block_end(at_, "%}"); end != 0) {
          add(is_variable ? TokenKind::kVariableEnd : TokenKind::kBlockEnd, "");
          return advance(end);
        }
      }
      read_token(open_brackets);
    }
  }

  size_t variable_end() const {
    if (starts("-}}")) return skip_space(at_ + 3);
    return starts("}}") ? at_ + 2 : 0;
  }

  void read_token(std::string& open_brackets) {
    const size_t space = skip_space(at_);
    if (space != at_) return advance(space);
    const char c = source_[at_];
    if (c >= '0' && c <= '9') return read_number();
    if (c == '\'' || c == '"') return read_string();
    const Character character = character_at(source_, at_);
    if (is_identifier_part(character.code)) return read_name(character);
    read_operator(open_brackets);
  }

  void read_name(const Character& first) {
    if (!is_identifier_start(first.code)) fail("invalid character in identifier");
    size_t end = first.end;
    while (end < source_.size()) {
      const Character next = character_at(source_, end);
      if (!is_identifier_part(next.code)) break;
      end = next.end;
    }
    add(TokenKind::kName, source_.substr(at_, end - at_));
    advance(end);
  }

  // Digits with single _ between them.
  size_t digits_end(size_t at, std::string_view allowed) const {
    const auto is_one = [&](size_t i) {
      return i < source_.size() && allowed.find(source_[i]) != allowed.npos;
    };
    while (is_one(at) || (source_[at] == '_' && is_one(at + 1))) ++at;
    return at;
  }

  void add_number(TokenKind kind, size_t end) {
    std::string text = source_.substr(at_, end - at_);
    std::erase(text, '_');
    add(kind, text);
    advance(end);
  }

  void read_number() {
    constexpr std::string_view kDecimal = "0123456789";
    if (source_[at_] == '0' && at_ + 1 < source_.size()) {
      const char base = static_cast<char>(source_[at_ + 1] | 0x20);
      const std::string_view allowed = base == 'x'   ? "0123456789abcdefABCDEF"
                                       : base == 'o' ? "01234567"
                                       : base == 'b' ? "01"
                                                     : "";
      const size_t end = allowed.empty() ? 0 : digits_end(at_ + 2, allowed);
      if (end > at_ + 2) return add_number(TokenKind::kInteger, end);
    }
    const size_t whole = digits_end(at_, kDecimal);
    size_t end = whole;
    // 1.2 after a point is two subscripts, not a number.
    const bool follows_point = at_ > 0 && source_[at_ - 1] == '.';
    const auto is_digit_at = [&](size_t i) {
      return i < source_.size() && kDecimal.find(source_[i]) != kDecimal.npos;
    };
    if (!follows_point) {
      if (end < source_.size() && source_[end] == '.' && is_digit_at(end + 1))
        end = digits_end(end + 1, kDecimal);
      if (end < source_.size() && (source_[end] | 0x20) == 'e') {
        size_t power = end + 1;
        if (power < source_.size() && (source_[power] == '+' || source_[power] == '-')) ++power;
        if (is_digit_at(power)) end = digits_end(power, kDecimal);
      }
    }
    if (end > whole) return add_number(TokenKind::kFloat, end);
    // A number begins with 0 only when it is 0.
    add_number(TokenKind::kInteger, source_[at_] == '0' ? digits_end(at_, "0") : whole);
  }

  void read_string() {
    const char quote = source_[at_];
    size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) fail(fmt::format("a string without its closing {}", quote));
    std::string problem;
    std::string text = unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1), problem);
    if (!problem.empty()) fail(problem);
    add(TokenKind::kString, std::move(text));
    advance(end + 1);
  }

  void read_operator(std::string& open_brackets) {
    const auto found =
        std::ranges::find_if(kOperators, [&](std::string_view one) { return starts(one); });
    if (found == kOperators.end())
      fail(fmt::format("unexpected char '{}'",
                       source_.substr(at_, character_at(source_, at_).end - at_)));
    const std::string_view text = *found;
    if (text == "(" || text == "[" || text == "{")
      open_brackets += text == "(" ? ')' : text == "[" ? ']' : '}';
    if (text == ")" || text == "]" || text == "}") {
      if (open_brackets.empty()) fail(fmt::format("unexpected '{}'", text));
      if (open_brackets.back() != text[0])
        fail(fmt::format("unexpected '{}', expected '{}'", text, open_brackets.back()));
      open_brackets.pop_back();
    }
    add(TokenKind::kOperator, std::string(text));
    advance(at_ + text.size());
  }

  std::string source_;
  const std::string& name_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, const std::string& name) {
  return Lexer(normal_lines(source), name).run();
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kData:
      return "template data / text";
    case TokenKind::kVariableBegin:
      return "begin of print statement";
    case TokenKind::kVariableEnd:
      return "end of print statement";
    case TokenKind::kBlockBegin:
      return "begin of statement block";
    case TokenKind::kBlockEnd:
      return "end of statement block";
    case TokenKind::kString:
      return "string";
    case TokenKind::kInteger:
      return "integer";
    case TokenKind::kFloat:
      return "float";
    case TokenKind::kEnd:
      return "end of template";
    default:
      return token.text;
  }
}

}  // namespace llm::text::jinja
