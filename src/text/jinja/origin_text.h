// UTF-8 text that knows of every byte where it comes from: the template, or a field of the input.
//
// All operations of the engine are made of slices and appends, so the origins survive them. Text of
// no bytes keeps its origin too: an empty message still has a place in the output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/budget.h"

namespace llm::text::jinja {

using OriginId = int32_t;
inline constexpr OriginId kTemplateOrigin = 0;

struct Piece {
  size_t end = 0;  // the piece begins where the one before it ends
  OriginId origin = kTemplateOrigin;
  bool generated = false;  // inside {% generation %}
};

class Text {
 public:
  Text() = default;
  explicit Text(std::string bytes, OriginId origin = kTemplateOrigin);

  const std::string& bytes() const { return bytes_; }
  size_t size() const { return bytes_.size(); }
  bool empty() const { return bytes_.empty(); }
  const std::vector<Piece>& pieces() const { return pieces_; }
  // What the text weighs in memory.
  size_t weight() const { return bytes_.size() + pieces_.size() * sizeof(Piece); }
  // Of the byte, or of the last one at the end of the text.
  OriginId origin_at(size_t byte) const;

  void append(const Text& other);  // Requires: another text than this
  void append(std::string_view bytes, OriginId origin, bool generated = false);
  // Bytes [begin, end).
  Text slice(size_t begin, size_t end) const;
  Text slice(size_t begin) const { return slice(begin, size()); }
  void mark_generated();

 private:
  void add_piece(const Piece& piece);

  std::string bytes_;
  std::vector<Piece> pieces_;
};

// Appends within a budget: for texts that may become much larger than what they are made of.
class TextBuilder {
 public:
  explicit TextBuilder(Budget& budget) : budget_(budget) {}

  void add(const Text& text) {
    reserve(text.weight());
    text_.append(text);
  }
  void add(std::string_view bytes, OriginId origin = kTemplateOrigin) {
    reserve(bytes.size());
    text_.append(bytes, origin);
  }
  void repeat(const Text& text, int64_t count) {
    budget_.check_repeated(count, text.size());
    for (int64_t i = 0; i < count; ++i) add(text);
  }
  Text take() { return std::move(text_); }

 private:
  void reserve(size_t bytes) {
    budget_.charge(bytes);
    budget_.check_size(text_.size() + bytes);
  }

  Budget& budget_;
  Text text_;
};

}  // namespace llm::text::jinja
