#include <fmt/format.h>

#include <cstring>

#include "llm/core/error.h"
#include "llm/text/sentencepiece.h"
#include "text/byte_pieces.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_spec.h"
#include "text/space_mark.h"

namespace llm::text {
namespace {

template <class T>
T take(std::string_view& bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return value;
}

}  // namespace

SentencePieceModel parse_llama2c(std::string_view bytes, const std::string& where) {
  const auto refuse = [&](const std::string& expected, const std::string& got) {
    throw core::FormatError({where, expected, got, "Is this a tokenizer of llama2.c?"});
  };
  SentencePieceModel model;
  model.unk_id = 0;
  model.bos_id = 1;
  model.eos_id = 2;
  model.byte_fallback = true;
  if (bytes.size() < sizeof(uint32_t)) refuse("at least 4 bytes", fmt::format("{}", bytes.size()));
  const auto longest = take<uint32_t>(bytes);
  while (!bytes.empty()) {
    const size_t id = model.pieces.size();
    if (bytes.size() < sizeof(float) + sizeof(int32_t))
      refuse("whole pieces", fmt::format("the end inside piece {}", id));
    model.scores.push_back(take<float>(bytes));
    const auto length = take<int32_t>(bytes);
    if (length <= 0 || static_cast<uint32_t>(length) > longest ||
        static_cast<size_t>(length) > bytes.size())
      refuse(fmt::format("piece {} of 1 to {} bytes", id, longest), fmt::format("{}", length));
    std::string piece = replace_all(bytes.substr(0, length), " ", kSpaceMark);
    bytes.remove_prefix(length);
    auto kind = byte_of_piece(piece) ? PieceKind::kByte : PieceKind::kNormal;
    if (id == 0) kind = PieceKind::kUnknown;
    if (id == 1 || id == 2) {
      kind = PieceKind::kControl;
      std::erase(piece, '\n');
    }
    model.pieces.push_back(std::move(piece));
    model.kinds.push_back(kind);
  }
  if (model.pieces.size() < 3 || model.pieces[1] != "<s>" || model.pieces[2] != "</s>")
    refuse("<s> and </s> as pieces 1 and 2", "others");
  return model;
}

std::shared_ptr<const Tokenizer> tokenizer_from_llama2c(std::string_view bytes,
                                                        const std::string& where) {
  return make_tokenizer(sentencepiece_spec(parse_llama2c(bytes, where), where));
}

}  // namespace llm::text
