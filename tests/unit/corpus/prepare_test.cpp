// Oracle: the documents that went in: decoding the shards must give them back, in order, each with
// EOS behind it, whatever the number of threads.
#include "llm/corpus/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>

#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "llm/io/hash.h"
#include "llm/io/token_shard.h"
#include "support/error_text.h"
#include "unit/corpus/corpus_fixture.h"

namespace llm::corpus {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<std::string> decode_split(const DatasetSplit& split, const text::Tokenizer& tokenizer) {
  std::vector<std::string> texts;
  for (const DatasetShard& entry : split.shards) {
    const io::TokenShard shard(entry.path);
    shard.verify();
    EXPECT_EQ(shard.info().tokenizer_fingerprint, tokenizer.fingerprint());
    for (uint64_t i = 0; i < shard.info().num_documents; ++i) {
      std::vector<int32_t> ids(shard.document_start(i + 1) - shard.document_start(i));
      shard.read(shard.document_start(i), ids);
      EXPECT_EQ(ids.back(), tokenizer.eos_id());
      ids.pop_back();
      texts.push_back(tokenizer.decode_bytes(ids));
      EXPECT_EQ(shard.document_id(i), io::xxh3(texts.back()));
    }
  }
  return texts;
}

// Every file below the folder with its bytes.
std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    files[fs::relative(entry.path(), folder).string()] = test::read_bytes(entry.path());
  }
  return files;
}

class Prepare : public testing::Test {
 protected:
  void SetUp() override {
    config_.tokenizer = make_tokenizer(dir_).string();
    config_.out = (dir_ / "out").string();
  }
  void TearDown() override { io::set_fault_hook({}); }

  void use(const std::vector<std::string>& texts) {
    config_.input = {dir_.file("in.jsonl", to_jsonl(texts)).string()};
  }
  PreparedDataset run(int num_threads = 1, bool force = false) {
    return prepare(config_, {.num_threads = num_threads, .force = force, .progress = progress_});
  }
  template <class E>
  std::string message(bool force = false) {
    return test::error_text<E>([&] { run(2, force); });
  }
  bool is_clean() const { return !fs::exists(dir_ / "out") && !fs::exists(dir_ / "out.partial"); }

  test::TempDirectory dir_;
  PrepareConfig config_;
  ReadProgressHook progress_;
};

TEST_F(Prepare, ShardsDecodeToTheDocumentsInOrder) {
  const auto texts = random_texts(3000, 11);
  use(texts);
  config_.max_tokens_per_shard = 5000;
  const PreparedDataset dataset = run(2);
  const auto tokenizer = text::load_tokenizer(dataset.tokenizer);
  EXPECT_EQ(tokenizer->fingerprint(), dataset.tokenizer_fingerprint);
  const auto train = decode_split(dataset.train, *tokenizer);
  const auto validation = decode_split(dataset.validation, *tokenizer);
  EXPECT_GT(dataset.train.shards.size(), 5u);
  ASSERT_GT(validation.size(), 0u);

  const std::multiset<std::string> held(validation.begin(), validation.end());
  std::vector<std::string> expected_train, expected_validation;
  uint64_t bytes = 0;
  for (const std::string& text : texts) {
    (held.count(text) ? expected_validation : expected_train).push_back(text);
    bytes += text.size();
  }
  EXPECT_EQ(train, expected_train);
  EXPECT_EQ(validation, expected_validation);
  EXPECT_EQ(dataset.text_bytes(), bytes);
  EXPECT_EQ(dataset.documents(), texts.size());
  ASSERT_EQ(dataset.sources.size(), 1u);
  EXPECT_EQ(dataset.sources[0].tokens, dataset.tokens());
}

TEST_F(Prepare, TheNumberOfThreadsChangesNothing) {
  auto texts = random_texts(4000, 12);
  texts.push_back(std::string(3'000'000, 'a'));
  const auto more = random_texts(2000, 13);
  texts.insert(texts.end(), more.begin(), more.end());
  use(texts);
  run(1);
  const auto expected = files_below(dir_ / "out");
  for (const int num_threads : {2, 7}) {
    run(num_threads, true);
    EXPECT_EQ(files_below(dir_ / "out"), expected) << num_threads;
  }
}

TEST_F(Prepare, SourcesAreCountedApart) {
  config_.input = {dir_.file("a.jsonl", to_jsonl({"one", "", "two"})).string(),
                   dir_.file("b.txt", "bad \xFF\n").string()};
  config_.read.invalid_utf8 = InvalidUtf8::kReplace;
  const PreparedDataset dataset = run();
  ASSERT_EQ(dataset.sources.size(), 2u);
  EXPECT_EQ(dataset.sources[0].counts.documents, 2u);
  EXPECT_EQ(dataset.sources[0].counts.skipped_empty, 1u);
  EXPECT_EQ(dataset.sources[1].counts.replaced_invalid, 1u);
  EXPECT_EQ(dataset.sources[1].input, config_.input[1]);
}

TEST_F(Prepare, WideIdsHoldTheSameTokens) {
  use(random_texts(50, 14));
  const auto narrow = run();
  EXPECT_EQ(narrow.bytes_per_id, 2u);
  const auto tokenizer = text::load_tokenizer(narrow.tokenizer);
  const auto texts = decode_split(narrow.train, *tokenizer);
  config_.dtype = TokenDtype::kU32;
  const auto wide = run(1, true);
  EXPECT_EQ(wide.bytes_per_id, 4u);
  EXPECT_EQ(decode_split(wide.train, *tokenizer), texts);
}

// A tokenizer.json with a vocabulary of 65537: one more than u16 holds.
TEST_F(Prepare, NarrowIdsAreRefusedForALargeVocabularyBeforeAnyWork) {
  auto json = io::read_json_file(fs::path(config_.tokenizer) / "tokenizer.json");
  auto& vocab = json["model"]["vocab"];
  for (int id = 300; id <= 65536; ++id) vocab["unused" + std::to_string(id)] = id;
  fs::create_directory(dir_ / "large");
  fs::copy(config_.tokenizer, dir_ / "large", fs::copy_options::overwrite_existing);
  dir_.file("large/tokenizer.json", json.dump());
  config_.tokenizer = (dir_ / "large").string();
  use({"one", "two"});
  config_.dtype = TokenDtype::kU16;
  EXPECT_THAT(message<core::ConfigError>(), HasSubstr("u32 or auto for a vocabulary of 65537"));
  EXPECT_TRUE(is_clean());
  config_.dtype = TokenDtype::kAuto;
  EXPECT_EQ(run().bytes_per_id, 4u);
}

TEST_F(Prepare, AnInterruptedRunLeavesNoDataset) {
  use(random_texts(20000, 15));
  int calls = 0;
  struct Stop {};
  progress_ = [&](const ReadProgress&) {
    if (++calls == 2) throw Stop{};
  };
  for (const int num_threads : {1, 3}) {
    calls = 0;
    EXPECT_THROW(run(num_threads), Stop);
    EXPECT_TRUE(is_clean());
  }
}

TEST_F(Prepare, WhatAKilledRunLeftIsCleared) {
  fs::create_directory(dir_ / "out.partial");
  dir_.file("out.partial/train-00009.tokens", "half");
  dir_.file("out.partial/dataset.json", "{}");
  EXPECT_THROW(read_prepared_dataset(dir_ / "out"), core::ConfigError);
  use(random_texts(10, 16));
  run();
  EXPECT_FALSE(fs::exists(dir_ / "out.partial"));
  EXPECT_FALSE(fs::exists(dir_ / "out/train-00009.tokens"));
  EXPECT_EQ(read_prepared_dataset(dir_ / "out").documents(), 10u);
}

TEST_F(Prepare, AFailedReplacementKeepsTheOldDataset) {
  use({"one", "two", "three"});
  run();
  const auto before = files_below(dir_ / "out");
  EXPECT_THAT(message<core::ConfigError>(), HasSubstr("--force"));
  config_.input = {dir_.file("bad.jsonl", to_jsonl({"x"}) + "no json\n").string()};
  EXPECT_THAT(message<core::DataError>(true), HasSubstr("bad.jsonl:2:"));
  EXPECT_EQ(files_below(dir_ / "out"), before);
  use({"other", "texts"});
  EXPECT_EQ(run(1, true).documents(), 2u);
  EXPECT_FALSE(fs::exists(dir_ / "out.partial"));
}

TEST_F(Prepare, OnlyDatasetsAreReplaced) {
  use({"one", "two"});
  fs::create_directory(dir_ / "out");
  dir_.file("out/precious", "data");
  EXPECT_THAT(message<core::ConfigError>(true), HasSubstr("not a dataset"));
  EXPECT_EQ(test::read_bytes(dir_ / "out/precious"), "data");
  fs::remove(dir_ / "out/precious");
  EXPECT_EQ(run().documents(), 2u);
}

TEST_F(Prepare, AFullDiskIsAnErrorAndLeavesNothing) {
  use(random_texts(500, 17));
  for (const io::FileAction action :
       {io::FileAction::kCreate, io::FileAction::kWrite, io::FileAction::kSync,
        io::FileAction::kRename, io::FileAction::kMakeDirectory}) {
    io::set_fault_hook(
        [&](const io::FileOperation& op) { return op.action == action ? ENOSPC : 0; });
    EXPECT_THAT(message<core::IoError>(), HasSubstr("No space left")) << action_name(action);
    EXPECT_TRUE(is_clean());
  }
}

TEST_F(Prepare, AnErrorOfAnyOperationLeavesTheOldDatasetOrTheNewOne) {
  use(random_texts(40, 17));
  const uint64_t old_documents = run().documents();
  use(random_texts(60, 18));
  bool was_reached = true;
  for (uint64_t at = 0; was_reached; ++at) {
    was_reached = false;
    const int error = at % 2 == 0 ? ENOSPC : EIO;
    io::set_fault_hook([&](const io::FileOperation& operation) {
      if (operation.number != at) return 0;
      was_reached = true;
      return error;
    });
    try {
      run(1, true);
    } catch (const core::IoError& failure) {
      EXPECT_EQ(failure.error_number(), error) << failure.what();
    }
    io::set_fault_hook({});
    const uint64_t documents = read_prepared_dataset((dir_ / "out").string()).documents();
    EXPECT_TRUE(documents == old_documents || documents == 60) << "operation " << at;
    if (documents == 60) break;
  }
}

TEST_F(Prepare, WrongSettingsAreNamed) {
  use({"a"});
  const auto with = [&](auto change) {
    const PrepareConfig before = config_;
    change();
    const std::string text = message<core::ConfigError>();
    config_ = before;
    EXPECT_TRUE(is_clean());
    return text;
  };
  EXPECT_THAT(with([&] { config_.tokenizer = "nowhere"; }),
              HasSubstr("nowhere, which is not there"));
  EXPECT_THAT(with([&] { config_.tokenizer = ""; }), HasSubstr("--tokenizer: expected"));
  EXPECT_THAT(with([&] { config_.out = ""; }), HasSubstr("--out: expected"));
  EXPECT_THAT(with([&] { config_.input = {}; }), HasSubstr("at least one file"));
  EXPECT_THAT(with([&] { config_.input = {"missing.jsonl"}; }), HasSubstr("missing.jsonl"));
}

TEST_F(Prepare, ADamagedDatasetIsNamed) {
  use(random_texts(100, 18));
  const PreparedDataset dataset = run();
  const fs::path shard = dataset.train.shards[0].path;
  const std::string json = test::read_bytes(dir_ / "out/dataset.json");
  const auto reading = [&] {
    return test::error_text<core::FormatError>([&] { read_prepared_dataset(dir_ / "out"); });
  };
  dir_.file("out/dataset.json", json.substr(0, json.size() / 2));
  EXPECT_THAT(reading(), HasSubstr("dataset.json"));
  auto edited = io::OrderedJson::parse(json);
  edited["version"] = 2;
  dir_.file("out/dataset.json", edited.dump());
  EXPECT_THAT(reading(), HasSubstr("version: expected 1, got 2"));
  edited = io::OrderedJson::parse(json);
  edited["splits"]["train"].erase("tokens");
  dir_.file("out/dataset.json", edited.dump());
  EXPECT_THAT(reading(), HasSubstr("splits: train: expected a member \"tokens\""));
  edited = io::OrderedJson::parse(json);
  edited["splits"]["train"]["shards"][0]["file"] = "../evil";
  dir_.file("out/dataset.json", edited.dump());
  EXPECT_THAT(reading(), HasSubstr("a plain file name"));
  dir_.file("out/dataset.json", json);
  fs::resize_file(shard, fs::file_size(shard) - 1);
  EXPECT_THAT(reading(), HasSubstr(shard.string()));
  fs::remove(shard);
  EXPECT_THAT(reading(), HasSubstr("no such file"));
}

TEST_F(Prepare, TheConfigIsRecordedAndParsesBack) {
  use({"a", "b"});
  config_.split_seed = 5;
  config_.validation_fraction = 0.25;
  const PreparedDataset dataset = run();
  PrepareConfig parsed;
  core::parse_config(dataset.config, parsed);
  EXPECT_EQ(parsed.split_seed, 5);
  EXPECT_EQ(parsed.validation_fraction, 0.25);
  EXPECT_TRUE(parsed.out.empty());
}

}  // namespace
}  // namespace llm::corpus
