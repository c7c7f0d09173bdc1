// Oracle: the messages and roles that the file formats call for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "llm/core/error.h"
#include "llm/io/json.h"
#include "llm/io/manifest.h"
#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::text {
namespace {

using testing::HasSubstr;

const std::filesystem::path kTokenizers = test::source_dir() / "tests/golden/tokenizers";

// What loading qwen2.json says after `change`.
template <class F>
std::string error_after(F&& change) {
  io::Json json = io::read_json_file(kTokenizers / "qwen2.json");
  change(json);
  const test::TempDirectory folder;
  const auto path = folder.file("tokenizer.json", json.dump());
  return test::error_text<core::FormatError>([&] { load_tokenizer(path); });
}

TEST(TokenizerJson, UnsupportedPartsAreRefusedByName) {
  using J = io::Json;
  EXPECT_EQ(error_after([](J&) {}), "no exception");
  EXPECT_THAT(error_after([](J& j) { j["model"]["type"] = "WordLevel"; }), HasSubstr("WordLevel"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["type"] = "Unigram"; }),
              HasSubstr("BPE, as the pre-tokenizer is ByteLevel"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["type"] = "WordPiece"; }), HasSubstr("WordPiece"));
  EXPECT_THAT(error_after([](J& j) {
                j["pre_tokenizer"] = {{"type", "BertPreTokenizer"}};
              }),
              HasSubstr("BertPreTokenizer"));
  EXPECT_THAT(error_after([](J& j) { j["pre_tokenizer"] = nullptr; }), HasSubstr("ByteLevel"));
  EXPECT_THAT(error_after([](J& j) {
                j["normalizer"] = {{"type", "BertNormalizer"}};
              }),
              HasSubstr("BertNormalizer"));
  EXPECT_THAT(error_after([](J& j) {
                j["decoder"] = {{"type", "Metaspace"}};
              }),
              HasSubstr("decoder"));
  EXPECT_THAT(error_after([](J& j) {
                j["decoder"] = {{"type", "WordPiece"}};
              }),
              HasSubstr("WordPiece"));
  EXPECT_THAT(error_after([](J& j) {
                j["post_processor"] = {{"type", "BertProcessing"}};
              }),
              HasSubstr("BertProcessing"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["dropout"] = 0.1; }), HasSubstr("dropout"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["end_of_word_suffix"] = "</w>"; }),
              HasSubstr("end_of_word_suffix"));
}

TEST(TokenizerJson, DamageIsNamedWithItsPlace) {
  using J = io::Json;
  EXPECT_THAT(error_after([](J& j) { j.erase("model"); }), HasSubstr("tokenizer.json: model: "));
  EXPECT_THAT(error_after([](J& j) { j = J::array(); }),
              HasSubstr("tokenizer.json: expected an object, got []"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["merges"][3] = {"a"}; }),
              HasSubstr("model.merges[3]"));
  EXPECT_THAT(error_after([](J& j) {
                j["model"]["merges"][3] = {"qqq", "zzz"};
              }),
              HasSubstr("'qqq'"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["vocab"]["a"] = -1; }), HasSubstr("an id from 0"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["vocab"]["a"] = 1ll << 40; }),
              HasSubstr("an id from 0"));
  EXPECT_THAT(error_after([](J& j) { j["model"]["vocab"]["a"] = 5; }),
              HasSubstr("one piece per id"));
  EXPECT_THAT(error_after([](J& j) { j["added_tokens"][1]["id"] = 3; }),
              HasSubstr("one token per id"));
  EXPECT_THAT(error_after([](J& j) { j["added_tokens"][1].erase("content"); }),
              HasSubstr("added_tokens[1].content"));
  EXPECT_THAT(
      error_after([](J& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(a"; }),
      HasSubstr("(a"));
  EXPECT_THAT(error_after([](J& j) {
                j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "[a[bc]]";
              }),
              HasSubstr("nested character class"));
}

TEST(TokenizerJson, MergesMayBeWrittenAsStrings) {
  io::Json json = io::read_json_file(kTokenizers / "qwen2.json");
  for (io::Json& merge : json["model"]["merges"])
    merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  const test::TempDirectory folder;
  const auto tokenizer = load_tokenizer(folder.file("tokenizer.json", json.dump()));
  EXPECT_EQ(tokenizer->fingerprint(), load_tokenizer(kTokenizers / "qwen2.json")->fingerprint());
}

TEST(TokenizerJson, FingerprintFollowsWhatDecidesIds) {
  const auto fingerprint_after = [](auto change) {
    io::Json json = io::read_json_file(kTokenizers / "qwen2.json");
    change(json);
    const test::TempDirectory folder;
    return load_tokenizer(folder.file("tokenizer.json", json.dump()))->fingerprint();
  };
  const uint64_t base = fingerprint_after([](io::Json&) {});
  EXPECT_EQ(base, fingerprint_after([](io::Json& j) { j["truncation"] = {{"max_length", 3}}; }));
  EXPECT_NE(base, fingerprint_after([](io::Json& j) { j["normalizer"] = nullptr; }));
  EXPECT_NE(base, fingerprint_after([](io::Json& j) { j["model"]["merges"].erase(0); }));
  EXPECT_NE(base,
            fingerprint_after([](io::Json& j) { j["added_tokens"][0]["content"] = "<|end|>"; }));
  EXPECT_NE(base, fingerprint_after([](io::Json& j) {
              j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed";
            }));
}

TEST(LoadTokenizer, ARunIsItsNewestCheckpoint) {
  const test::TempDirectory run;
  std::filesystem::create_directory(run / "checkpoints");
  EXPECT_THAT(test::error_text<core::IoError>([&] { load_tokenizer(run.path()); }),
              HasSubstr("a run without a complete checkpoint"));
  for (const char* name : {"step-00000002", "step-00000010"}) {
    const auto checkpoint = run / "checkpoints" / name;
    std::filesystem::create_directory(checkpoint);
    std::filesystem::copy_file(kTokenizers / "qwen2.json", checkpoint / "tokenizer.json");
    std::ofstream(checkpoint / "chat_template.jinja") << name;
    io::write_manifest(checkpoint);
  }
  EXPECT_EQ(load_tokenizer(run.path())->chat_template(), "step-00000010");
  EXPECT_EQ(template_origin(run.path()), run / "checkpoints/step-00000010/chat_template.jinja");
}

TEST(TokenizerConfig, RolesAreTextOrObjects) {
  const test::TempDirectory folder;
  std::filesystem::copy_file(kTokenizers / "qwen2.json", folder / "tokenizer.json");
  folder.file("tokenizer_config.json", R"({"bos_token": null, "eos_token": "<|im_end|>",
      "pad_token": {"content": "<|endoftext|>", "lstrip": false}, "model_max_length": 4096,
      "added_tokens_decoder": {"600": {"content": "<extra>", "special": true}},
      "chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]})");
  folder.file("generation_config.json", R"({"eos_token_id": [600, 481]})");
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->bos_id(), std::nullopt);
  EXPECT_EQ(tokenizer->eos_id(), tokenizer->find("<|im_end|>"));
  EXPECT_EQ(tokenizer->pad_id(), tokenizer->find("<|endoftext|>"));
  EXPECT_EQ(tokenizer->find("<extra>"), 600);
  EXPECT_EQ(tokenizer->vocab_size(), 601);
  EXPECT_EQ(tokenizer->piece(599), "");
  EXPECT_EQ(tokenizer->chat_template(), "D");
  EXPECT_THAT(tokenizer->stop_ids(),
              testing::IsSupersetOf({*tokenizer->eos_id(), *tokenizer->pad_id(), 481, 600}));
  tokenizer->save(folder / "saved");
  const auto saved = io::read_json_file(folder / "saved" / "tokenizer_config.json");
  EXPECT_EQ(saved["model_max_length"], 4096);
  EXPECT_EQ(saved["eos_token"], "<|im_end|>");
  EXPECT_EQ(load_tokenizer(folder / "saved")->fingerprint(), tokenizer->fingerprint());
  folder.file("chat_template.jinja", "J");
  EXPECT_EQ(load_tokenizer(folder.path())->chat_template(), "J");
  folder.file("tokenizer_config.json", R"({"eos_token": "<none>"})");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { load_tokenizer(folder.path()); }),
              HasSubstr("<none>"));
}

TEST(Gpt2Files, VersionLineIsOptionalAndErrorsHaveLines) {
  const test::TempDirectory folder;
  folder.file("encoder.json", R"({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3})");
  folder.file("vocab.bpe", "#version: 0.2\na b\n");
  const auto with = load_tokenizer(folder.path());
  folder.file("vocab.bpe", "a b");
  const auto without = load_tokenizer(folder / "vocab.bpe");
  EXPECT_EQ(with->fingerprint(), without->fingerprint());
  EXPECT_EQ(with->encode("abba"), (std::vector<int32_t>{2, 1, 0}));
  EXPECT_EQ(with->eos_id(), 3);
  EXPECT_EQ(with->count_unknown("abc!"), 2u);
  folder.file("vocab.bpe", "#version: 0.2\na b\na x\n");
  EXPECT_THAT(test::error_text<core::FormatError>([&] { load_tokenizer(folder.path()); }),
              HasSubstr("vocab.bpe:3"));
}

TEST(LoadTokenizer, NamesWhatIsMissing) {
  const test::TempDirectory folder;
  EXPECT_THAT(test::error_text<core::IoError>([&] { load_tokenizer(folder.path()); }),
              HasSubstr("tokenizer.json"));
  EXPECT_THROW(load_tokenizer(folder / "absent.json"), core::IoError);
}

TEST(Tokenizer, IdsOutsideTheVocabularyAreAnError) {
  const auto tokenizer = load_tokenizer(kTokenizers / "gpt2.json");
  for (const int32_t id : {-1, tokenizer->vocab_size()})
    EXPECT_THROW(tokenizer->decode(std::vector<int32_t>{id}), core::DataError);
}

}  // namespace
}  // namespace llm::text
