#include "text/jinja/text_ops.h"

#include <algorithm>

#include "text/jinja/unicode.h"

namespace llm::text::jinja {
namespace {

void add_part(std::vector<Text>& parts, Text part, Budget& budget) {
  budget.charge(part.weight() + sizeof(Text));
  parts.push_back(std::move(part));
}

size_t skip(std::string_view text, size_t at, bool wants_space) {
  while (at < text.size()) {
    const Character c = character_at(text, at);
    if (is_space(c.code) != wants_space) break;
    at = c.end;
  }
  return at;
}

size_t skip_back(std::string_view text, size_t at, bool wants_space) {
  while (at > 0) {
    const Character c = character_before(text, at);
    if (is_space(c.code) != wants_space) break;
    at = c.begin;
  }
  return at;
}

std::vector<Text> split_at_space(const Text& text, int64_t max_splits, Budget& budget) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> parts;
  for (size_t at = skip(bytes, 0, true); at < bytes.size();) {
    if (max_splits >= 0 && static_cast<int64_t>(parts.size()) == max_splits) {
      add_part(parts, text.slice(at), budget);
      break;
    }
    const size_t end = skip(bytes, at, false);
    add_part(parts, text.slice(at, end), budget);
    at = skip(bytes, end, true);
  }
  return parts;
}

std::vector<Text> split_at_space_from_right(const Text& text, int64_t max_splits, Budget& budget) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> parts;
  for (size_t at = skip_back(bytes, bytes.size(), true); at > 0;) {
    if (max_splits >= 0 && static_cast<int64_t>(parts.size()) == max_splits) {
      add_part(parts, text.slice(0, at), budget);
      break;
    }
    const size_t begin = skip_back(bytes, at, false);
    add_part(parts, text.slice(begin, at), budget);
    at = skip_back(bytes, begin, true);
  }
  std::ranges::reverse(parts);
  return parts;
}

constexpr char32_t kCapitalSigma = 0x3A3;
constexpr const char* kFinalSigma = "\u03c2";  // its small form at the end of a word

bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || is_title(c); }

// Every character through `change`, which is told whether the one before it was a cased letter.
Text map_characters(const Text& text,
                    const std::function<CaseChange(const Character&, bool)>& change) {
  const std::string_view bytes = text.bytes();
  Text out;
  bool follows_letter = false;
  for (size_t at = 0; at < bytes.size();) {
    const Character c = character_at(bytes, at);
    const CaseChange how = change(c, follows_letter);
    const bool ends_word =
        follows_letter && (c.end == bytes.size() || !is_cased(character_at(bytes, c.end).code));
    if (c.code == kCapitalSigma && how == CaseChange::kLower && ends_word) {
      out.append(kFinalSigma, text.origin_at(at));
    } else {
      out.append(change_case(text.slice(at, c.end), how));
    }
    follows_letter = is_cased(c.code);
    at = c.end;
  }
  return out;
}

}  // namespace

Text strip(const Text& text, Side side, const std::optional<std::string_view>& characters) {
  const std::string_view bytes = text.bytes();
  const auto goes = [&](const Character& c) {
    if (!characters) return is_space(c.code);
    return characters->find(bytes.substr(c.begin, c.end - c.begin)) != std::string_view::npos;
  };
  size_t begin = 0;
  size_t end = bytes.size();
  while (side != Side::kRight && begin < end) {
    const Character c = character_at(bytes, begin);
    if (!goes(c)) break;
    begin = c.end;
  }
  while (side != Side::kLeft && end > begin) {
    const Character c = character_before(bytes, end);
    if (!goes(c)) break;
    end = c.begin;
  }
  return text.slice(begin, end);
}

std::vector<Text> split(const Text& text, const std::optional<std::string_view>& separator,
                        int64_t max_splits, Budget& budget) {
  if (!separator) return split_at_space(text, max_splits, budget);
  std::vector<Text> parts;
  size_t at = 0;
  while (max_splits < 0 || static_cast<int64_t>(parts.size()) < max_splits) {
    const size_t found = text.bytes().find(*separator, at);
    if (found == std::string::npos) break;
    add_part(parts, text.slice(at, found), budget);
    at = found + separator->size();
  }
  add_part(parts, text.slice(at), budget);
  return parts;
}

std::vector<Text> split_from_right(const Text& text,
                                   const std::optional<std::string_view>& separator,
                                   int64_t max_splits, Budget& budget) {
  if (!separator) return split_at_space_from_right(text, max_splits, budget);
  std::vector<Text> parts;
  size_t end = text.size();
  while (max_splits < 0 || static_cast<int64_t>(parts.size()) < max_splits) {
    if (end < separator->size()) break;
    const size_t found = text.bytes().rfind(*separator, end - separator->size());
    if (found == std::string::npos) break;
    add_part(parts, text.slice(found + separator->size(), end), budget);
    end = found;
  }
  add_part(parts, text.slice(0, end), budget);
  std::ranges::reverse(parts);
  return parts;
}

std::vector<Text> split_lines(const Text& text, bool keeps_ends, Budget& budget) {
  const std::string_view bytes = text.bytes();
  std::vector<Text> lines;
  size_t begin = 0;
  for (size_t at = 0; at < bytes.size();) {
    const Character c = character_at(bytes, at);
    at = c.end;
    if (!is_line_break(c.code)) continue;
    if (c.code == '\r' && at < bytes.size() && bytes[at] == '\n') ++at;
    add_part(lines, text.slice(begin, keeps_ends ? at : c.begin), budget);
    begin = at;
  }
  if (begin < bytes.size()) add_part(lines, text.slice(begin), budget);
  return lines;
}

Text replace(const Text& text, std::string_view old, const Text& by, int64_t max_count,
             Budget& budget) {
  const std::string_view bytes = text.bytes();
  TextBuilder out(budget);
  size_t at = 0;
  for (int64_t count = 0; max_count < 0 || count < max_count; ++count) {
    budget.step();
    const size_t found = bytes.find(old, at);
    if (found == bytes.npos) break;
    // An empty text is found before every character and at the end.
    if (old.empty()) {
      out.add(by);
      if (at == bytes.size()) return out.take();
      const size_t next = character_at(bytes, at).end;
      out.add(text.slice(at, next));
      at = next;
      continue;
    }
    if (found > at) out.add(text.slice(at, found));
    out.add(by);
    at = found + old.size();
  }
  if (at == 0) return text;
  out.add(text.slice(at));
  return out.take();
}

Text join(const Text& separator, const std::vector<Text>& parts, Budget& budget) {
  TextBuilder out(budget);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.add(separator);
    out.add(parts[i]);
  }
  return out.take();
}

Text capitalized(const Text& text) {
  if (text.empty()) return text;
  const size_t end = character_at(text.bytes(), 0).end;
  Text out = change_case(text.slice(0, end), CaseChange::kTitle);
  out.append(change_case(text.slice(end), CaseChange::kLower));
  return out;
}

Text swapped_case(const Text& text) {
  return map_characters(text, [](const Character& c, bool) {
    return is_upper(c.code) ? CaseChange::kLower : CaseChange::kUpper;
  });
}

Text titled(const Text& text) {
  return map_characters(text, [](const Character&, bool follows_letter) {
    return follows_letter ? CaseChange::kLower : CaseChange::kTitle;
  });
}

Text escaped_html(const Text& text, Budget& budget) {
  constexpr std::string_view kSpecial = "&<>'\"";
  constexpr std::string_view kEntities[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
  const std::string_view bytes = text.bytes();
  TextBuilder out(budget);
  size_t plain = 0;
  for (size_t at = bytes.find_first_of(kSpecial); at != bytes.npos;
       at = bytes.find_first_of(kSpecial, at + 1)) {
    out.add(text.slice(plain, at));
    out.add(kEntities[kSpecial.find(bytes[at])], text.origin_at(at));
    plain = at + 1;
  }
  out.add(text.slice(plain));
  return out.take();
}

}  // namespace llm::text::jinja
