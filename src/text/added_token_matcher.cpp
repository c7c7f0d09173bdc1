#include "text/added_token_matcher.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstring>

namespace llm::text {
namespace {

constexpr uint32_t kWordCategories = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;

// \w of UTS #18.
bool is_word_character(UChar32 c) {
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL) ||
         (U_GET_GC_MASK(c) & kWordCategories) != 0;
}

// The character that ends at `end`, which moves to its first byte. Requires: end > 0.
UChar32 character_before(std::string_view text, size_t& end) {
  const size_t window = std::min<size_t>(end, U8_MAX_LENGTH);
  const auto* p = reinterpret_cast<const uint8_t*>(text.data()) + end - window;
  auto at = static_cast<int32_t>(window);
  UChar32 c;
  U8_PREV(p, 0, at, c);
  end -= window - at;
  return c;
}

// The character at `begin`, which moves behind it. Requires: begin < text.size().
UChar32 character_at(std::string_view text, size_t& begin) {
  const auto window = static_cast<int32_t>(std::min<size_t>(text.size() - begin, U8_MAX_LENGTH));
  const auto* p = reinterpret_cast<const uint8_t*>(text.data()) + begin;
  int32_t at = 0;
  UChar32 c;
  U8_NEXT(p, at, window, c);
  begin += at;
  return c;
}

}  // namespace

size_t skip_spaces_left(std::string_view text, size_t end) {
  for (size_t before = end; before > 0; end = before)
    if (!u_isUWhiteSpace(character_before(text, before))) break;
  return end;
}

size_t skip_spaces_right(std::string_view text, size_t begin) {
  for (size_t after = begin; after < text.size(); begin = after)
    if (!u_isUWhiteSpace(character_at(text, after))) break;
  return begin;
}

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens,
                                     const std::vector<std::string>& contents)
    : tokens_(std::move(tokens)), nodes_(1) {
  for (size_t i = 0; i < contents.size(); ++i)
    if (!contents[i].empty()) add(contents[i], static_cast<int32_t>(i));
  const auto used = std::ranges::count_if(roots_, [](int32_t node) { return node != 0; });
  if (used == 1)
    only_first_byte_ = static_cast<int>(
        std::ranges::find_if(roots_, [](int32_t node) { return node != 0; }) - roots_.begin());
}

void AddedTokenMatcher::add(std::string_view content, int32_t token) {
  const auto new_node = [&] {
    nodes_.emplace_back();
    return static_cast<int32_t>(nodes_.size() - 1);
  };
  int32_t& root = roots_[static_cast<uint8_t>(content[0])];
  if (root == 0) root = new_node();
  int32_t node = root;
  for (const char byte : content.substr(1)) {
    const auto key = static_cast<uint8_t>(byte);
    const auto known = nodes_[node].children.find(key);
    int32_t next = known == nodes_[node].children.end() ? 0 : known->second;
    if (next == 0) {
      next = new_node();
      nodes_[node].children[key] = next;
    }
    node = next;
  }
  nodes_[node].token = token;
}

AddedTokenMatcher::Hit AddedTokenMatcher::find(std::string_view text, size_t from) const {
  for (size_t i = from; i < text.size(); ++i) {
    if (only_first_byte_ >= 0) {
      const void* found = std::memchr(text.data() + i, only_first_byte_, text.size() - i);
      if (!found) break;
      i = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    }
    int32_t node = roots_[static_cast<uint8_t>(text[i])];
    Hit hit;
    for (size_t end = i + 1; node != 0; ++end) {
      if (nodes_[node].token >= 0) hit = {i, end, nodes_[node].token};
      if (end == text.size()) break;
      const auto next = nodes_[node].children.find(static_cast<uint8_t>(text[end]));
      node = next == nodes_[node].children.end() ? 0 : next->second;
    }
    if (hit.token >= 0) return hit;
  }
  return {};
}

bool AddedTokenMatcher::at_word_borders(std::string_view text, const Hit& hit) const {
  size_t before = hit.begin;
  if (before > 0 && is_word_character(character_before(text, before))) return false;
  size_t after = hit.end;
  return hit.end == text.size() || !is_word_character(character_at(text, after));
}

void AddedTokenMatcher::split(std::string_view text, const PartSink& sink) const {
  size_t done = 0;
  if (nodes_.size() > 1) {
    for (Hit hit = find(text, 0); hit.token >= 0; hit = find(text, hit.end)) {
      const AddedToken& token = tokens_[hit.token];
      if (token.single_word && !at_word_borders(text, hit)) continue;
      const size_t begin =
          token.lstrip ? std::max(skip_spaces_left(text, hit.begin), done) : hit.begin;
      const size_t end = token.rstrip ? skip_spaces_right(text, hit.end) : hit.end;
      if (done < begin) sink(nullptr, text.substr(done, begin - done));
      sink(&token, text.substr(hit.begin, hit.end - hit.begin));
      done = end;
    }
  }
  if (done < text.size()) sink(nullptr, text.substr(done));
}

}  // namespace llm::text
