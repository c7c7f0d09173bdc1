#include "text/jinja/origin_text.h"

#include <algorithm>

namespace llm::text::jinja {

Text::Text(std::string bytes, OriginId origin) : bytes_(std::move(bytes)) {
  add_piece({bytes_.size(), origin, false});
}

OriginId Text::origin_at(size_t byte) const {
  if (pieces_.empty()) return kTemplateOrigin;
  const auto piece = std::ranges::upper_bound(pieces_, byte, {}, &Piece::end);
  return piece == pieces_.end() ? pieces_.back().origin : piece->origin;
}

void Text::add_piece(const Piece& piece) {
  const size_t begin = pieces_.empty() ? 0 : pieces_.back().end;
  if (piece.end == begin && piece.origin == kTemplateOrigin) return;
  if (!pieces_.empty() && pieces_.back().origin == piece.origin &&
      pieces_.back().generated == piece.generated) {
    pieces_.back().end = piece.end;
  } else {
    pieces_.push_back(piece);
  }
}

void Text::append(const Text& other) {
  const size_t shift = bytes_.size();
  bytes_ += other.bytes_;
  for (const Piece& piece : other.pieces_)
    add_piece({piece.end + shift, piece.origin, piece.generated});
}

void Text::append(std::string_view bytes, OriginId origin, bool generated) {
  bytes_ += bytes;
  add_piece({bytes_.size(), origin, generated});
}

Text Text::slice(size_t begin, size_t end) const {
  end = std::min(end, size());
  begin = std::min(begin, end);
  Text out;
  out.bytes_ = bytes_.substr(begin, end - begin);
  auto piece = std::ranges::lower_bound(pieces_, begin, {}, &Piece::end);
  // Pieces that only touch the slice leave no trace in it; those at the ends of the text stay.
  while (begin > 0 && begin < end && piece != pieces_.end() && piece->end == begin) ++piece;
  for (; piece != pieces_.end(); ++piece) {
    out.add_piece({std::min(piece->end, end) - begin, piece->origin, piece->generated});
    if (piece->end >= end && end < size()) break;
  }
  return out;
}

void Text::mark_generated() {
  for (Piece& piece : pieces_) piece.generated = true;
}

}  // namespace llm::text::jinja
