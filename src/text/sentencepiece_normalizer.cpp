#include <cstring>

#include "llm/text/utf8.h"
#include "text/chars_map.h"
#include "text/normalizer.h"
#include "text/piece_trie.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

// SentencePiece's normaliser: from left to right, a kept string stays, else the longest prefix in
// the charsmap is replaced, else a character stays; then spaces are dropped where they are extra
// and written as U+2581.
class SentencePieceNormalizer final : public NormalizerPart {
 public:
  SentencePieceNormalizer(const NormalizerStep& step, const std::vector<std::string>& kept,
                          const std::string& where)
      : map_(step.charsmap, where),
        add_dummy_prefix_(step.add_dummy_prefix),
        remove_extra_(step.remove_extra_whitespaces),
        space_(step.escape_whitespaces ? kSpaceMark : " ") {
    std::vector<std::pair<std::string_view, int32_t>> keys;
    for (const std::string& text : kept) keys.emplace_back(text, 0);
    has_kept_ = !keys.empty();
    kept_ = PieceTrie(std::move(keys));
  }

  bool apply(std::string_view text, std::string& out) const override {
    if (remove_extra_) skip_leading_spaces(text);
    if (text.empty()) return true;
    out.reserve(text.size() + text.size() / 2);
    if (add_dummy_prefix_) out += space_;
    if (map_.empty() && !has_kept_ && !remove_extra_) {
      append_escaped(text, out);
      return true;
    }
    bool after_space = remove_extra_;
    while (!text.empty()) {
      auto [length, chunk] = next(text);
      text.remove_prefix(length);
      while (after_space && chunk.starts_with(' ')) chunk.remove_prefix(1);
      if (chunk.empty()) continue;
      append_escaped(chunk, out);
      after_space = remove_extra_ && chunk.ends_with(' ');
    }
    if (remove_extra_)
      while (out.ends_with(space_)) out.resize(out.size() - space_.size());
    return true;
  }

 private:
  struct Chunk {
    size_t length;  // of the text it stands for
    std::string_view text;
  };

  Chunk next(std::string_view text) const {
    if (const size_t length = has_kept_ ? longest_kept(text) : 0)
      return {length, text.substr(0, length)};
    if (const CharsMap::Match match = map_.longest(text); match.length > 0)
      return {match.length, match.replacement};
    const size_t length = utf8_length(text[0]);
    return {length, text.substr(0, length)};
  }

  size_t longest_kept(std::string_view text) const {
    size_t longest = 0;
    uint32_t node = PieceTrie::kRoot;
    for (size_t i = 0; i < text.size() && kept_.step(node, text[i]); ++i)
      if (kept_.id(node) >= 0) longest = i + 1;
    return longest;
  }

  void skip_leading_spaces(std::string_view& text) const {
    while (!text.empty()) {
      const Chunk chunk = next(text);
      if (chunk.text != " ") break;
      text.remove_prefix(chunk.length);
    }
  }

  void append_escaped(std::string_view text, std::string& out) const {
    for (size_t space = text.find(' '); space != text.npos; space = text.find(' ')) {
      out.append(text.substr(0, space)).append(space_);
      text.remove_prefix(space + 1);
    }
    out += text;
  }

  CharsMap map_;
  PieceTrie kept_;
  bool has_kept_ = false;
  bool add_dummy_prefix_;
  bool remove_extra_;
  std::string_view space_;
};

}  // namespace

std::unique_ptr<NormalizerPart> make_sentencepiece_part(const NormalizerStep& step,
                                                        const std::vector<std::string>& kept,
                                                        const std::string& where) {
  return std::make_unique<SentencePieceNormalizer>(step, kept, where);
}

}  // namespace llm::text
