#include "llm/text/sentencepiece.h"

#include <fmt/format.h>

#include <algorithm>

#include "llm/core/error.h"
#include "llm/io/protobuf_reader.h"
#include "llm/io/protobuf_writer.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_spec.h"

namespace llm::text {
namespace {

using io::ProtobufReader;
using io::ProtobufWriter;

// Field numbers of sentencepiece_model.proto.
enum ModelField { kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3, kDenormalizerSpec = 5 };
enum PieceField { kPiece = 1, kScore = 2, kType = 3 };
enum TrainerField {
  kModelType = 3,
  kVocabSize = 4,
  kWhitespaceAsSuffix = 24,
  kByteFallback = 35,
  kUnkId = 40,
  kBosId = 41,
  kEosId = 42,
  kPadId = 43,
  kUnkPiece = 45,
  kBosPiece = 46,
  kEosPiece = 47,
  kPadPiece = 48,
};
enum NormalizerField {
  kName = 1,
  kCharsmap = 2,
  kAddDummyPrefix = 3,
  kRemoveExtraWhitespaces = 4,
  kEscapeWhitespaces = 5,
};
constexpr uint64_t kUnigramType = 1;
constexpr uint64_t kBpeType = 2;

// What the trainer's settings say; the defaults are those of the proto.
struct TrainerFields {
  uint64_t model_type = kUnigramType;
  bool byte_fallback = false;
  std::string bos = "<s>";
  std::string eos = "</s>";
  std::string pad = "<pad>";
};

void read_piece(ProtobufReader reader, SentencePieceModel& model) {
  std::string piece;
  float score = 0;
  auto kind = PieceKind::kNormal;
  while (reader.next()) {
    switch (reader.field()) {
      case kPiece:
        piece = reader.bytes();
        break;
      case kScore:
        score = reader.float32();
        break;
      case kType: {
        const uint64_t type = reader.varint();
        if (type < 1 || type > 6)
          reader.refuse("a piece type from 1 to 6", fmt::format("{}", type));
        kind = static_cast<PieceKind>(type);
        break;
      }
      default:
        break;
    }
  }
  if (kind == PieceKind::kUnknown) model.unk_id = static_cast<int32_t>(model.pieces.size());
  model.pieces.push_back(std::move(piece));
  model.scores.push_back(score);
  model.kinds.push_back(kind);
}

TrainerFields read_trainer(ProtobufReader reader) {
  TrainerFields fields;
  while (reader.next()) {
    switch (reader.field()) {
      case kModelType:
        fields.model_type = reader.varint();
        if (fields.model_type != kUnigramType && fields.model_type != kBpeType)
          reader.refuse("model type 1 (Unigram) or 2 (BPE)",
                        fmt::format("{} (3 is WORD, 4 is CHAR)", fields.model_type));
        break;
      case kWhitespaceAsSuffix:
        if (reader.boolean()) reader.refuse("treat_whitespace_as_suffix false", "true");
        break;
      case kByteFallback:
        fields.byte_fallback = reader.boolean();
        break;
      case kBosPiece:
        fields.bos = reader.bytes();
        break;
      case kEosPiece:
        fields.eos = reader.bytes();
        break;
      case kPadPiece:
        fields.pad = reader.bytes();
        break;
      default:
        break;
    }
  }
  return fields;
}

void read_normalizer_spec(ProtobufReader reader, SentencePieceModel& model) {
  while (reader.next()) {
    switch (reader.field()) {
      case kName:
        model.normalizer_name = reader.bytes();
        break;
      case kCharsmap:
        model.charsmap = reader.bytes();
        break;
      case kAddDummyPrefix:
        model.add_dummy_prefix = reader.boolean();
        break;
      case kRemoveExtraWhitespaces:
        model.remove_extra_whitespaces = reader.boolean();
        break;
      case kEscapeWhitespaces:
        model.escape_whitespaces = reader.boolean();
        break;
      default:
        break;
    }
  }
}

void refuse_denormalizer(ProtobufReader reader) {
  while (reader.next())
    if (reader.field() == kCharsmap && !reader.bytes().empty())
      reader.refuse("no denormalizer_spec", "one with rules");
}

int32_t control_id(const SentencePieceModel& model, const std::string& piece) {
  const auto found = std::ranges::find(model.pieces, piece);
  if (found == model.pieces.end()) return -1;
  const auto id = found - model.pieces.begin();
  return model.kinds[id] == PieceKind::kControl ? static_cast<int32_t>(id) : -1;
}

std::string trainer_text(const SentencePieceModel& model) {
  ProtobufWriter writer;
  writer.varint(kModelType, model.is_unigram ? kUnigramType : kBpeType);
  writer.varint(kVocabSize, model.pieces.size());
  writer.varint(kByteFallback, model.byte_fallback);
  const auto role = [&](int id_field, int piece_field, int32_t id) {
    writer.varint(id_field, static_cast<uint64_t>(static_cast<int64_t>(id)));
    if (id >= 0) writer.bytes(piece_field, model.pieces[id]);
  };
  role(kUnkId, kUnkPiece, model.unk_id);
  role(kBosId, kBosPiece, model.bos_id);
  role(kEosId, kEosPiece, model.eos_id);
  role(kPadId, kPadPiece, model.pad_id);
  return writer.text();
}

std::string normalizer_text(const SentencePieceModel& model) {
  ProtobufWriter writer;
  writer.bytes(kName, model.normalizer_name);
  writer.bytes(kCharsmap, model.charsmap);
  writer.varint(kAddDummyPrefix, model.add_dummy_prefix);
  writer.varint(kRemoveExtraWhitespaces, model.remove_extra_whitespaces);
  writer.varint(kEscapeWhitespaces, model.escape_whitespaces);
  return writer.text();
}

}  // namespace

SentencePieceModel parse_sentencepiece(std::string_view bytes, const std::string& where) {
  SentencePieceModel model;
  model.remove_extra_whitespaces = true;
  TrainerFields trainer;
  ProtobufReader reader(bytes, where);
  while (reader.next()) {
    switch (reader.field()) {
      case kPieces:
        read_piece(reader.message(), model);
        break;
      case kTrainerSpec:
        trainer = read_trainer(reader.message());
        break;
      case kNormalizerSpec:
        read_normalizer_spec(reader.message(), model);
        break;
      case kDenormalizerSpec:
        refuse_denormalizer(reader.message());
        break;
      default:
        break;
    }
  }
  if (std::ranges::count(model.kinds, PieceKind::kUnknown) != 1)
    throw core::FormatError({where, "a SentencePiece model with one unknown piece",
                             fmt::format("{} pieces, {} of them unknown", model.pieces.size(),
                                         std::ranges::count(model.kinds, PieceKind::kUnknown)),
                             "Is this a tokenizer.model?"});
  model.is_unigram = trainer.model_type == kUnigramType;
  model.byte_fallback = trainer.byte_fallback;
  model.bos_id = control_id(model, trainer.bos);
  model.eos_id = control_id(model, trainer.eos);
  model.pad_id = control_id(model, trainer.pad);
  return model;
}

std::string write_sentencepiece(const SentencePieceModel& model) {
  ProtobufWriter writer;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    ProtobufWriter piece;
    piece.bytes(kPiece, model.pieces[id]);
    piece.fixed32(kScore, model.scores[id]);
    if (model.kinds[id] != PieceKind::kNormal)
      piece.varint(kType, static_cast<uint64_t>(model.kinds[id]));
    writer.bytes(kPieces, piece.text());
  }
  writer.bytes(kTrainerSpec, trainer_text(model));
  writer.bytes(kNormalizerSpec, normalizer_text(model));
  return writer.text();
}

std::shared_ptr<const Tokenizer> tokenizer_from_sentencepiece(std::string_view bytes,
                                                              const std::string& where) {
  return make_tokenizer(sentencepiece_spec(parse_sentencepiece(bytes, where), where));
}

}  // namespace llm::text
