// Oracle: the formats' own rules (sentencepiece_model.proto, llama2.c's tokenizer.bin) and the
// messages they call for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/io/json.h"
#include "llm/io/protobuf_writer.h"
#include "llm/text/sentencepiece.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"
#include "text/pipeline_tokenizer.h"
#include "text/sentencepiece_spec.h"

namespace llm::text {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kModelFolder = test::source_dir() / "tests/golden/tokenizers/sentencepiece";

SentencePieceModel sound_model() {
  const fs::path path = kModelFolder / "bpe_llama.model";
  return parse_sentencepiece(io::read_file(path), path.string());
}

template <class F>
std::string model_error(F&& change) {
  SentencePieceModel model = sound_model();
  change(model);
  return test::error_text<core::FormatError>(
      [&] { make_tokenizer(sentencepiece_spec(std::move(model), "m")); });
}

TEST(SentencePieceFile, WhatAModelLacksIsNamed) {
  using M = SentencePieceModel;
  EXPECT_EQ(model_error([](M&) {}), "no exception");
  EXPECT_THAT(model_error([](M& m) { m.pieces[300] = ""; }), HasSubstr("m: piece 300"));
  EXPECT_THAT(model_error([](M& m) { m.pieces[301] = m.pieces[300]; }), HasSubstr("once"));
  EXPECT_THAT(model_error([](M& m) { m.pieces[300] = "\xff"; }), HasSubstr("UTF-8"));
  EXPECT_THAT(model_error([](M& m) { m.pieces[300].assign(5000, 'x'); }), HasSubstr("1024"));
  EXPECT_THAT(model_error([](M& m) { m.scores[300] = 0.0f / 0.0f; }), HasSubstr("finite"));
  EXPECT_THAT(model_error([](M& m) { m.kinds[5] = PieceKind::kNormal; }), HasSubstr("256"));
  EXPECT_THAT(model_error([](M& m) { m.pieces[5] = "<0xZZ>"; }), HasSubstr("byte piece"));
  EXPECT_THAT(model_error([](M& m) { m.scores.pop_back(); }), HasSubstr("a score and a kind"));
  EXPECT_THAT(model_error([](M& m) { m.bos_id = 1 << 20; }), HasSubstr("special ids"));
  EXPECT_THAT(model_error([](M& m) { m.charsmap = "abc"; }), HasSubstr("precompiled_charsmap"));
}

std::string proto_error(int field, const std::string& message) {
  io::ProtobufWriter writer;
  writer.bytes(field, message);
  return test::error_text<core::FormatError>(
      [&] { tokenizer_from_sentencepiece(writer.text(), "m"); });
}

TEST(SentencePieceFile, UnsupportedSettingsAreNamed) {
  io::ProtobufWriter word, suffix, denormalizer, type;
  word.varint(3, 3);
  suffix.varint(24, 1);
  denormalizer.bytes(2, "x");
  type.varint(3, 9);
  EXPECT_THAT(proto_error(2, word.text()), HasSubstr("3 is WORD"));
  EXPECT_THAT(proto_error(2, suffix.text()), HasSubstr("treat_whitespace_as_suffix"));
  EXPECT_THAT(proto_error(5, denormalizer.text()), HasSubstr("denormalizer_spec"));
  EXPECT_THAT(proto_error(1, type.text()), HasSubstr("piece type"));
  EXPECT_THAT(proto_error(9, ""), HasSubstr("one unknown piece"));
  const std::string whole = io::read_file(kModelFolder / "bpe_llama.model");
  const auto error = test::error_text<core::FormatError>(
      [&] { tokenizer_from_sentencepiece(whole.substr(0, whole.size() - 3), "m"); });
  EXPECT_THAT(error, HasSubstr("m: byte "));
}

TEST(SentencePieceFile, UnusedPiecesAreTakenApart) {
  SentencePieceModel model;
  model.unk_id = 0;
  model.pieces = {"<unk>", "a", "b", "c", "ab", "abc", "\xE2\x96\x81"};
  model.scores = {0, -5, -6, -7, -1, -2, -8};
  model.kinds.assign(7, PieceKind::kNormal);
  model.kinds[0] = PieceKind::kUnknown;
  model.add_dummy_prefix = false;
  const auto ids = [&] {
    return tokenizer_from_sentencepiece(write_sentencepiece(model), "m")->encode("abc ab");
  };
  EXPECT_EQ(ids(), (std::vector<int32_t>{5, 6, 4}));
  model.kinds[5] = PieceKind::kUnused;
  EXPECT_EQ(ids(), (std::vector<int32_t>{4, 3, 6, 4}));
  model.kinds[4] = PieceKind::kUnused;
  EXPECT_EQ(ids(), (std::vector<int32_t>{1, 2, 3, 6, 1, 2}));
}

TEST(SentencePieceFile, EqualScoresMergeFromLeftToRight) {
  SentencePieceModel model;
  model.unk_id = 0;
  model.pieces = {"<unk>", "a", "b", "c", "ab", "bc", "ca"};
  model.scores = {0, -9, -9, -9, -1, -1, -1};
  model.kinds.assign(7, PieceKind::kNormal);
  model.kinds[0] = PieceKind::kUnknown;
  model.add_dummy_prefix = false;
  const auto tokenizer = tokenizer_from_sentencepiece(write_sentencepiece(model), "m");
  EXPECT_EQ(tokenizer->encode("abc"), (std::vector<int32_t>{4, 3}));
  EXPECT_EQ(tokenizer->encode("bcab"), (std::vector<int32_t>{5, 4}));
  EXPECT_EQ(tokenizer->encode("cabc"), (std::vector<int32_t>{6, 5}));
  std::string longer;  // than the words that are scanned
  for (int i = 0; i < 40; ++i) longer += "abc";
  EXPECT_EQ(tokenizer->encode(longer).size(), 60u);
}

TEST(SentencePieceFile, ConfigSaysWhatIsAdded) {
  const test::TempDirectory folder;
  fs::copy_file(kModelFolder / "bpe_llama.model", folder / "tokenizer.model");
  const EncodeOptions add{.add_special = true};
  EXPECT_EQ(load_tokenizer(folder.path())->encode("", add), (std::vector<int32_t>{1}));
  folder.file("tokenizer_config.json",
              R"({"add_bos_token": false, "add_eos_token": true, "pad_token": "</s>"})");
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->encode("", add), (std::vector<int32_t>{2}));
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_EQ(tokenizer->pad_id(), 2);
  tokenizer->save(folder / "saved");
  EXPECT_EQ(load_tokenizer(folder / "saved")->fingerprint(), tokenizer->fingerprint());
}

TEST(SentencePieceFile, SpecialTokensAreTextUnlessAsked) {
  const auto tokenizer = load_tokenizer(kModelFolder / "bpe_llama.model");
  EXPECT_THAT(tokenizer->encode("<s>a</s>"), testing::Not(testing::Contains(1)));
  const std::vector<TextPart> parts = {{"<s>", true}, {"a</s>", false}, {"</s>", true}};
  const auto ids = tokenizer->encode_parts(parts);
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(ids.back(), 2);
  EXPECT_EQ(std::ranges::count(ids, 2), 1);
  EXPECT_EQ(tokenizer->decode(ids, true), "a</s>");
  EXPECT_TRUE(tokenizer->covers_all_text());
}

TEST(Llama2c, ReadsTheTokenizerOfStories260K) {
  const fs::path path = test::shared_dir() / "data/models/stories260K/tok512.bin";
  if (!fs::exists(path)) GTEST_SKIP() << "skipped: " << path << " is absent";
  const auto tokenizer = load_tokenizer(path);
  EXPECT_EQ(tokenizer->vocab_size(), 512);
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  EXPECT_EQ(tokenizer->piece(259), "\xE2\x96\x81t");
  // What llama2.c's own run.c gives for its prompt.
  EXPECT_EQ(tokenizer->encode("Once upon a time", {.add_special = true}),
            (std::vector<int32_t>{1, 403, 407, 261, 378}));
  for (const std::string text : {"Once upon a time", "\n\n \xF0\x9F\x98\x80 z\x01", " x"})
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  const std::string bytes = io::read_file(path);
  for (const size_t size : {0u, 3u, 4u, 9u, 100u, 6226u})
    EXPECT_THAT(test::error_text<core::FormatError>(
                    [&] { tokenizer_from_llama2c(bytes.substr(0, size), "tok.bin"); }),
                HasSubstr("tok.bin: expected"));
}

}  // namespace
}  // namespace llm::text
