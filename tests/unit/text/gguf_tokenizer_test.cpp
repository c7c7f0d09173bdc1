// Oracle: the tokenizer before its vocabulary went through GGUF's values, and llama.cpp's id
// fixtures.
#include "llm/text/gguf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::text {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const fs::path kGgufTokenizers = test::source_dir() / "tests/golden/tokenizers";

std::vector<std::string> gguf_texts() {
  const io::Json cases = io::read_json_file(kGgufTokenizers / "sentencepiece/cases.json");
  return cases["texts"].get<std::vector<std::string>>();
}

void expect_same_ids(const Tokenizer& a, const Tokenizer& b) {
  for (const std::string& text : gguf_texts())
    for (const bool special : {false, true}) {
      const EncodeOptions options{.parse_special = special, .add_special = special};
      ASSERT_EQ(a.encode(text, options), b.encode(text, options)) << text;
    }
}

// The ids that Hugging Face's library gives the added tokens of a tokenizer.json: that of an equal
// piece, else the next one above all others, whatever the file says.
void expect_hugging_face_numbers(const Tokenizer& tokenizer) {
  const test::TempDirectory folder;
  tokenizer.save(folder.path());
  const io::Json json = io::read_json_file(folder.path() / "tokenizer.json");
  const io::Json& pieces = json["model"]["vocab"];
  std::map<std::string, int64_t> ids;
  for (size_t i = 0; pieces.is_array() && i < pieces.size(); ++i)
    ids[pieces[i][0]] = static_cast<int64_t>(i);
  if (pieces.is_object()) ids = pieces.get<std::map<std::string, int64_t>>();
  auto next = static_cast<int64_t>(ids.size());
  for (const io::Json& token : json["added_tokens"]) {
    const std::string content = token["content"];
    const bool is_new = ids.emplace(content, next).second;
    if (is_new) ++next;
    EXPECT_EQ(ids[content], token["id"].get<int64_t>()) << content;
  }
}

class GgufRoundTrip : public testing::TestWithParam<std::string> {};

TEST_P(GgufRoundTrip, KeepsIdsAndRoles) {
  const auto tokenizer = load_tokenizer(kGgufTokenizers / GetParam());
  const int64_t rows = tokenizer->vocab_size() + 7;
  const GgufVocabularyExport made = gguf_vocabulary_of(*tokenizer, rows);
  EXPECT_EQ(made.vocabulary.tokens.size(), static_cast<size_t>(rows));
  EXPECT_EQ(made.vocabulary.tokens.back(), "[PAD" + std::to_string(rows - 1) + "]");
  const auto again = tokenizer_from_gguf(made.vocabulary, "test.gguf");
  EXPECT_EQ(again->vocab_size(), tokenizer->vocab_size());
  EXPECT_EQ(again->bos_id(), tokenizer->bos_id());
  EXPECT_EQ(again->eos_id(), tokenizer->eos_id());
  EXPECT_EQ(again->stop_ids(), tokenizer->stop_ids());
  expect_same_ids(*tokenizer, *again);
  expect_hugging_face_numbers(*again);
  for (int32_t id = 0; id < tokenizer->vocab_size(); ++id) {
    EXPECT_EQ(again->is_special(id), tokenizer->is_special(id)) << id;
    EXPECT_EQ(again->piece(id), tokenizer->piece(id)) << id;
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, GgufRoundTrip,
                         testing::Values("gpt2.json", "qwen2.json", "smollm.json",
                                         "sentencepiece/bpe_llama.model",
                                         "sentencepiece/bpe_bare.model",
                                         "sentencepiece/unigram.model",
                                         "sentencepiece/unigram_bytes.model"),
                         [](const auto& test) {
                           std::string name = fs::path(test.param).stem().string();
                           return name + (name == "unigram" ? "_model" : "");
                         });

TEST(GgufTokenizer, PreTokenizersHaveTheirNames) {
  for (const auto& [file, pre] : {std::pair("gpt2", "gpt-2"),
                                  {"qwen2", "qwen2"},
                                  {"smollm", "smollm"},
                                  {"llama3", "llama-bpe"}}) {
    const auto tokenizer = load_tokenizer(kGgufTokenizers / (std::string(file) + ".json"));
    EXPECT_EQ(gguf_vocabulary_of(*tokenizer).vocabulary.pre, pre);
  }
}

TEST(GgufTokenizer, HuggingFaceLlamaBecomesTheSentencePieceModel) {
  const auto hf = load_tokenizer(kGgufTokenizers / "sentencepiece/hf_llama_legacy.json");
  const auto model = load_tokenizer(kGgufTokenizers / "sentencepiece/bpe_llama.model");
  const GgufVocabulary vocabulary = gguf_vocabulary_of(*hf).vocabulary;
  EXPECT_EQ(vocabulary.model, "llama");
  EXPECT_EQ(vocabulary.tokens.back(), "<sep>");
  const auto again = tokenizer_from_gguf(vocabulary, "test.gguf");
  for (const std::string& text : gguf_texts()) {
    if (text.find("<sep>") != text.npos) continue;
    EXPECT_EQ(again->encode(text), model->encode(text)) << text;
  }
}

TEST(GgufTokenizer, UnigramWithByteFallbackIsWarnedAbout) {
  const auto tokenizer = load_tokenizer(kGgufTokenizers / "sentencepiece/unigram_bytes.model");
  const auto made = gguf_vocabulary_of(*tokenizer);
  EXPECT_EQ(made.vocabulary.model, "t5");
  ASSERT_EQ(made.warnings.size(), 1u);
  EXPECT_THAT(made.warnings[0], HasSubstr("byte fallback"));
}

TEST(GgufTokenizer, WhatGgufCannotSayIsRefused) {
  for (const char* name : {"splits", "corners"}) {
    const auto tokenizer = load_tokenizer(kGgufTokenizers / (std::string(name) + ".json"));
    EXPECT_THAT(test::error_text<core::FormatError>([&] { gguf_vocabulary_of(*tokenizer); }),
                HasSubstr("llama-bpe"));
  }
  const auto merges = load_tokenizer(kGgufTokenizers / "sentencepiece/hf_ignore_merges.json");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { gguf_vocabulary_of(*merges); }),
              HasSubstr("ignore_merges"));
}

TEST(GgufTokenizer, DamageIsNamedByItsKey) {
  const auto tokenizer = load_tokenizer(kGgufTokenizers / "gpt2.json");
  const GgufVocabulary sound = gguf_vocabulary_of(*tokenizer).vocabulary;
  const auto error_after = [&](auto change) {
    GgufVocabulary vocabulary = sound;
    change(vocabulary);
    return test::error_text<core::FormatError>([&] { tokenizer_from_gguf(vocabulary, "x.gguf"); });
  };
  using V = GgufVocabulary;
  EXPECT_THAT(error_after([](V& v) { v.model = "bert"; }),
              HasSubstr("x.gguf: tokenizer.ggml.model"));
  EXPECT_THAT(error_after([](V& v) { v.pre = "tekken"; }),
              testing::AllOf(HasSubstr("tekken"), HasSubstr("llama-bpe")));
  EXPECT_THAT(error_after([](V& v) { v.tokens.clear(); }), HasSubstr("tokens"));
  EXPECT_THAT(error_after([](V& v) { v.token_types.pop_back(); }), HasSubstr("token_type"));
  EXPECT_THAT(error_after([](V& v) { v.token_types[3] = 9; }), HasSubstr("token_type"));
  EXPECT_THAT(error_after([](V& v) { v.merges[4] = "a qqq"; }),
              HasSubstr("merges[4]: expected two tokens with a space between, which make a third, "
                        "got 'a qqq', whose right part 'qqq' is no token of the file"));
  EXPECT_THAT(error_after([](V& v) { v.merges[4] = "~ ~"; }),
              HasSubstr("whose joined part '~~' is no token"));
  EXPECT_THAT(error_after([](V& v) { v.merges[4] = "zzqq"; }),
              HasSubstr("merges[4]: expected two tokens with a space between, which make a third, "
                        "got 'zzqq', which has no space"));
  EXPECT_THAT(error_after([](V& v) { v.eos_id = 1 << 20; }), HasSubstr("eos_token_id"));
  EXPECT_THAT(error_after([](V& v) { v.tokens[5] = "\xff"; }), HasSubstr("tokens"));
  EXPECT_THAT(error_after([](V& v) { v.model = "llama"; }), HasSubstr("a score and a kind"));
}

TEST(GgufTokenizer, LlamaCppIdsOfQwen2) {
  const fs::path folder = test::shared_dir() / "data/tokenizers";
  if (!fs::exists(folder / "qwen3")) GTEST_SKIP() << "skipped: " << folder << " is absent";
  const auto qwen = load_tokenizer(folder / "qwen3/tokenizer.json.zst");
  const auto again = tokenizer_from_gguf(gguf_vocabulary_of(*qwen).vocabulary, "test.gguf");
  std::ifstream file(folder / "ggml-vocab-qwen2.gguf.inp", std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  EXPECT_EQ(again->encode(all.str()), qwen->encode(all.str()));
}

}  // namespace
}  // namespace llm::text
