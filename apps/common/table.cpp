#include "common/table.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "llm/core/check.h"

namespace llm::apps {
namespace {

// A rule as long as the longest note would fill a screen with dashes.
constexpr size_t kMaxRuleWidth = 100;

size_t width_of(UChar32 c) {
  const int8_t category = u_charType(c);
  const bool has_none = category == U_NON_SPACING_MARK || category == U_ENCLOSING_MARK ||
                        category == U_FORMAT_CHAR || category == U_CONTROL_CHAR;
  if (has_none) return 0;
  // Vowels and final consonants of decomposed Hangul join the syllable before them.
  if ((c >= 0x1160 && c <= 0x11FF) || (c >= 0xD7B0 && c <= 0xD7FF)) return 0;
  const int width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
  return width == U_EA_WIDE || width == U_EA_FULLWIDTH ? 2 : 1;
}

// The character at `at`, which moves behind it; U+FFFD for a bad byte.
UChar32 next_character(std::string_view text, size_t& at) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  auto i = static_cast<int32_t>(at);
  UChar32 c = 0;
  U8_NEXT(bytes, i, static_cast<int32_t>(text.size()), c);
  at = static_cast<size_t>(i);
  return c < 0 ? 0xFFFD : c;
}

}  // namespace

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) width += width_of(next_character(text, at));
  return width;
}

std::string cut_to_width(std::string_view text, size_t width) {
  size_t used = 0, end = 0;
  for (size_t at = 0; at < text.size(); end = at) {
    used += width_of(next_character(text, at));
    if (used > width) break;
  }
  return std::string(text.substr(0, end));
}

void Table::add_row(std::vector<std::string> cells) {
  LLM_CHECK(cells.size() <= columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<size_t> Table::widths() const {
  std::vector<size_t> widths(columns_.size(), 0);
  const auto widen = [&](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(cells[i]));
    }
  };
  widen(header_);
  for (const auto& row : rows_) widen(row);
  return widths;
}

std::string Table::line(const std::vector<std::string>& cells,
                        const std::vector<size_t>& widths) const {
  std::string out;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths[i] - display_width(cells[i]), ' ');
    if (i > 0) out += "  ";
    out += columns_[i] == Align::kLeft ? cells[i] + pad : pad + cells[i];
  }
  out.resize(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

std::string Table::text() const {
  const std::vector<size_t> all = widths();
  std::string out;
  if (!header_.empty()) {
    std::vector<std::string> rule;
    for (const size_t width : all) rule.push_back(std::string(width, '-'));
    out += line(header_, all);
    out += cut_to_width(line(rule, all), kMaxRuleWidth);
    if (out.back() != '\n') out += '\n';
  }
  for (const auto& row : rows_) out += line(row, all);
  return out;
}

}  // namespace llm::apps
