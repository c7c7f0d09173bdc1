// Finds added tokens in text as Hugging Face `tokenizers` does: leftmost match, the longest of
// those that start there; then the rules single_word, lstrip and rstrip.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "llm/text/tokenizer.h"

namespace llm::text {

// Immutable; safe to use from many threads.
class AddedTokenMatcher {
 public:
  // Part of the text: an added token, or (token == nullptr) text between them.
  using PartSink = std::function<void(const AddedToken* token, std::string_view text)>;

  AddedTokenMatcher() = default;
  // The token of contents[i] is tokens[i]: contents may be a normalised form. Empty contents never
  // match.
  AddedTokenMatcher(std::vector<AddedToken> tokens, const std::vector<std::string>& contents);
  // Hands out the parts in order; text parts are not empty.
  void split(std::string_view text, const PartSink& sink) const;

 private:
  struct Node {
    std::unordered_map<uint8_t, int32_t> children;
    int32_t token = -1;
  };
  struct Hit {
    size_t begin = 0;
    size_t end = 0;
    int32_t token = -1;
  };
  void add(std::string_view content, int32_t token);
  Hit find(std::string_view text, size_t from) const;
  bool at_word_borders(std::string_view text, const Hit& hit) const;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::array<int32_t, 256> roots_{};  // node of each first byte, 0: none
  int only_first_byte_ = -1;          // when all tokens start with the same byte
};

// `end` moved left, or `begin` moved right, over white space.
size_t skip_spaces_left(std::string_view text, size_t end);
size_t skip_spaces_right(std::string_view text, size_t begin);

}  // namespace llm::text
