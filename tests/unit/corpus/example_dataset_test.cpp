// Oracle: the encoder on one row at a time; the same directory from one thread and from four, byte
// for byte; counts that add up to the rows written here.
#include "llm/corpus/example_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "llm/core/error.h"
#include "llm/io/token_shard.h"
#include "support/error_text.h"
#include "support/paths.h"
#include "unit/corpus/example_fixture.h"

namespace llm::corpus {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

class ExampleDatasets : public testing::Test {
 protected:
  ExampleEncoder encoder(const EncodeConfig& config = {.chat_template = "chatml",
                                                       .max_length = 60}) {
    return encoder_of(tokenizer_, config);
  }
  ExampleDataset prepare(const std::vector<ExampleSource>& sources, const std::string& name = "out",
                         const PrepareExamplesOptions& options = {}) {
    return prepare_examples(sources, encoder(), dir_ / name, options);
  }
  ExampleSource source(const std::string& name, const std::string& content) {
    return {.name = "", .paths = {dir_.file(name, content).string()}};
  }
  std::string refusal(const std::vector<ExampleSource>& sources,
                      const PrepareExamplesOptions& options = {}) {
    return test::error_text<core::Error>([&] { prepare(sources, "out", options); });
  }
  // Documents of a shard, as they were encoded.
  static std::vector<TrainingDocument> read(const fs::path& path) {
    const io::TokenShard shard(path);
    shard.verify();
    std::vector<TrainingDocument> documents;
    for (uint64_t d = 0; d < shard.info().num_documents; ++d) {
      TrainingDocument document;
      document.ids.resize(shard.document_start(d + 1) - shard.document_start(d));
      shard.read(shard.document_start(d), document.ids);
      for (uint64_t i = shard.document_start(d); i < shard.document_start(d + 1); ++i)
        document.trained.push_back(shard.is_trained(i));
      EXPECT_EQ(shard.document_id(d), hash_ids(document.ids));
      documents.push_back(document);
    }
    return documents;
  }

  test::TempDirectory dir_;
  std::shared_ptr<const text::Tokenizer> tokenizer_ =
      marker_tokenizer(dir_, {.bos = "<s>", .eos = "</s>"});
};

std::string rows_of(const std::vector<std::string>& prompts,
                    const std::vector<std::string>& texts) {
  std::string out;
  for (size_t i = 0; i < prompts.size(); ++i)
    out += io::OrderedJson{{"prompt", prompts[i]}, {"completion", texts[i]}}.dump() + "\n";
  return out;
}

std::string read_all(const fs::path& directory) {
  std::string all;
  for (const auto& entry : fs::directory_iterator(directory))
    all += entry.path().filename().string() + test::read_bytes(entry.path());
  return all;
}

TEST_F(ExampleDatasets, HoldWhatTheEncoderGivesRowByRow) {
  const std::string content = rows_of(random_texts(200, 1, 12), random_texts(200, 2, 25));
  const ExampleDataset dataset = prepare({source("chat.jsonl", content)});
  ASSERT_EQ(dataset.shards.size(), 1u);
  const ExampleShard& shard = dataset.shards[0];
  EXPECT_EQ(shard.path, dir_ / "out" / "chat.tokens");
  EXPECT_EQ(dataset.task, ExampleTask::kSft);
  const auto documents = read(shard.path);
  ExampleCounts expected;
  size_t next = 0;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    const EncodedExample example = encoder().encode(example_of(line));
    expected.rows += 1;
    expected.dropped_too_long += example.outcome == ExampleOutcome::kTooLong;
    if (example.outcome != ExampleOutcome::kKept) continue;
    expected.truncated += example.is_truncated;
    ASSERT_LT(next, documents.size());
    EXPECT_EQ(documents[next].ids, example.documents[0].ids);
    EXPECT_EQ(documents[next].trained, example.documents[0].trained);
    expected.tokens += documents[next].ids.size();
    expected.trained_tokens += count_trained(documents[next]);
    ++next;
  }
  EXPECT_EQ(next, documents.size());
  const ExampleCounts& counts = shard.source.counts;
  EXPECT_EQ(counts.rows, expected.rows);
  EXPECT_EQ(counts.kept, next);
  EXPECT_EQ(counts.dropped_too_long, expected.dropped_too_long);
  EXPECT_EQ(counts.truncated, expected.truncated);
  EXPECT_EQ(counts.tokens, expected.tokens);
  EXPECT_EQ(counts.trained_tokens, expected.trained_tokens);
  EXPECT_EQ(counts.longest, 60u);
  EXPECT_GT(counts.truncated, 0u);
  EXPECT_GT(counts.dropped_too_long, 0u);
}

TEST_F(ExampleDatasets, ThreadsDoNotChangeAByte) {
  std::string pairs;
  const auto texts = random_texts(3000, 3, 10);
  for (size_t i = 0; i + 2 < texts.size(); i += 3)
    pairs +=
        io::OrderedJson{{"prompt", texts[i]}, {"chosen", texts[i + 1]}, {"rejected", texts[i + 2]}}
            .dump() +
        "\n";
  const std::vector<ExampleSource> sources = {source("a.jsonl", pairs), source("b.jsonl", pairs)};
  const ExampleDataset dataset = prepare(sources, "one", {.num_threads = 1});
  prepare(sources, "four", {.num_threads = 4});
  EXPECT_EQ(read_all(dir_ / "one"), read_all(dir_ / "four"));
  EXPECT_EQ(dataset.task, ExampleTask::kPreference);
  EXPECT_EQ(dataset.shards[0].documents, 2 * dataset.shards[0].source.counts.kept);
  EXPECT_LT(dataset.shards[0].source.counts.duplicate, dataset.shards[0].source.counts.kept);
  EXPECT_EQ(dataset.shards[1].source.counts.duplicate, dataset.shards[1].source.counts.kept);
}

TEST_F(ExampleDatasets, AreReusedUntilAnythingChanges) {
  const ExampleSource chat = source("chat.jsonl", rows_of({"the", "fox"}, {"quick", "dog"}));
  const ExampleDataset first = prepare({chat});
  EXPECT_FALSE(first.was_reused);
  const auto written = fs::last_write_time(first.shards[0].path);
  const ExampleDataset again = prepare({chat}, "out", {.num_threads = 3});
  EXPECT_TRUE(again.was_reused);
  EXPECT_EQ(fs::last_write_time(again.shards[0].path), written);
  EXPECT_EQ(again.shards[0].source.counts.tokens, first.shards[0].source.counts.tokens);

  std::vector<uint64_t> fingerprints = {first.fingerprint};
  const auto expect_new = [&](const ExampleDataset& dataset) {
    EXPECT_FALSE(dataset.was_reused);
    EXPECT_THAT(fingerprints, testing::Each(testing::Ne(dataset.fingerprint)));
    fingerprints.push_back(dataset.fingerprint);
  };
  expect_new(prepare({source("chat.jsonl", rows_of({"the", "fox"}, {"quick", "dig"}))}));
  ExampleSource limited = chat;
  limited.max_rows = 1;
  expect_new(prepare({limited}));
  const auto with = [&](const EncodeConfig& config) {
    return prepare_examples({chat}, encoder(config), dir_ / "out", {});
  };
  expect_new(with({.chat_template = "chatml", .max_length = 61}));
  expect_new(with({.chat_template = "zephyr", .max_length = 61}));
  for (const char* name : {"zephyr", "chatml"}) {
    const std::string file = dir_.file("own.jinja", text::jinja_of(name)).string();
    expect_new(with({.chat_template = file, .max_length = 61}));
  }
  tokenizer_ = marker_tokenizer(dir_, {.bos = "<s>", .eos = "<|end|>"}, "other");
  expect_new(with({.chat_template = "zephyr", .max_length = 61}));
}

TEST_F(ExampleDatasets, ADamagedOneIsMadeAgain) {
  const ExampleSource chat = source("chat.jsonl", rows_of({"the"}, {"quick"}));
  const ExampleDataset first = prepare({chat});
  fs::resize_file(first.shards[0].path, first.shards[0].file_bytes - 1);
  EXPECT_THAT(test::error_text<core::FormatError>([&] { read_example_dataset(dir_ / "out"); }),
              HasSubstr("chat.tokens: expected"));
  EXPECT_FALSE(prepare({chat}).was_reused);
  EXPECT_EQ(read_example_dataset(dir_ / "out").fingerprint, first.fingerprint);
}

TEST_F(ExampleDatasets, ReadBackWhatWasWritten) {
  ExampleSource named = source("chat.jsonl", R"({"text": "the fox", "id": 3})");
  named.name = "base";
  const ExampleDataset written = prepare({named, source("chat.jsonl", R"({"text": "the fox"})"),
                                          source("more.jsonl", rows_of({"a"}, {"b"}))});
  const ExampleDataset read = read_example_dataset(dir_ / "out");
  EXPECT_EQ(read.fingerprint, written.fingerprint);
  EXPECT_EQ(read.template_name, "chatml");
  EXPECT_EQ(read.vocab_size, static_cast<uint64_t>(tokenizer_->vocab_size()));
  ASSERT_EQ(read.shards.size(), 3u);
  EXPECT_EQ(read.shards[0].path, dir_ / "out/base.tokens");
  EXPECT_THAT(read.shards[0].source.formats, ElementsAre(ExampleFormat::kText));
  EXPECT_THAT(read.shards[2].source.formats, ElementsAre(ExampleFormat::kPromptCompletion));
  EXPECT_EQ(read.shards[1].source.counts.duplicate, 1u);
}

TEST_F(ExampleDatasets, CountsWhatIsLeftOut) {
  const std::string rows =
      R"({"messages": [{"role": "user", "content": "the"}, {"role": "assistant", "content": "fox"}]})"
      "\n\n"
      R"({"messages": [{"role": "user", "content": "the"}, {"role": "assistant", "content": " "}]})"
      "\n"
      R"({"messages": [{"role": "user", "content": "the"}, {"role": "assistant", "content": "fox"}]})"
      "\n";
  const ExampleCounts counts = prepare({source("chat.jsonl", rows)}).shards[0].source.counts;
  EXPECT_EQ(counts.rows, 3u);
  EXPECT_EQ(counts.kept, 2u);
  EXPECT_EQ(counts.dropped_empty, 1u);
  EXPECT_EQ(counts.duplicate, 1u);
  EXPECT_EQ(counts.identical, 0u);
}

TEST_F(ExampleDatasets, RefuseRowsOfAnotherFormatOrTask) {
  const std::string text = R"({"text": "the"})";
  const std::string pair = R"({"prompt": "a", "chosen": "b", "rejected": "c"})";
  const std::string mixed = text + "\n\n" + rows_of({"a"}, {"b"});
  EXPECT_THAT(refusal({source("mixed.jsonl", mixed)}),
              AllOf(HasSubstr("mixed.jsonl:3"), HasSubstr("text (text)"),
                    HasSubstr("prompt_completion (prompt, completion)")));
  EXPECT_THAT(refusal({source("p.jsonl", pair)}, {.task = ExampleTask::kSft}),
              AllOf(HasSubstr("p.jsonl:1"), HasSubstr("llmtrain orpo")));
  EXPECT_THAT(refusal({source("t.jsonl", text)}, {.task = ExampleTask::kPreference}),
              AllOf(HasSubstr("t.jsonl:1"), HasSubstr("llmtrain sft")));
  EXPECT_THAT(refusal({source("p.jsonl", pair), source("t.jsonl", text)}), HasSubstr("t.jsonl:1"));
  EXPECT_FALSE(fs::exists(dir_ / "out"));
}

TEST_F(ExampleDatasets, RefuseWhatCannotBeTrainedOn) {
  const ExampleSource one = source("one.jsonl", R"({"text": "the"})");
  EXPECT_THAT(refusal({}), HasSubstr("at least one source"));
  EXPECT_THAT(refusal({source("e.jsonl", R"({"text": " "})")}), HasSubstr("1 empty"));
  EXPECT_THAT(refusal({source("none.jsonl", "")}), HasSubstr("none of 0 rows"));
  ExampleSource named = one;
  named.name = "x/y";
  EXPECT_THAT(refusal({named}), HasSubstr("names a file"));
  named.name = "x";
  EXPECT_THAT(refusal({named, named}), HasSubstr("\"x\" twice"));
  named.paths = {"missing.jsonl"};
  EXPECT_THAT(refusal({named}), AllOf(HasSubstr("sources[0].paths: "), HasSubstr("missing.jsonl")));
  named.paths = {"/dev/null"};
  EXPECT_THAT(refusal({named}), HasSubstr("/dev/null"));
  fs::create_directory(dir_ / "out");
  dir_.file("out/precious.txt", "mine");
  EXPECT_THAT(refusal({one}), HasSubstr("something else"));
  EXPECT_TRUE(fs::exists(dir_ / "out/precious.txt"));
}

TEST_F(ExampleDatasets, AFailureLeavesWhatWasThere) {
  const ExampleSource good = source("chat.jsonl", R"({"text": "the"})");
  const uint64_t fingerprint = prepare({good}).fingerprint;
  EXPECT_THAT(refusal({source("chat.jsonl", R"({"text": "the"})"
                                            "\nbroken\n")}),
              HasSubstr("chat.jsonl:2:1"));
  EXPECT_EQ(read_example_dataset(dir_ / "out").fingerprint, fingerprint);
  EXPECT_FALSE(fs::exists(dir_ / "out.partial"));
}

// The earliest problem is told, whatever the number of threads.
TEST_F(ExampleDatasets, TheFirstBrokenRowIsNamed) {
  std::string rows;
  for (int i = 0; i < 20000; ++i)
    rows += i == 9000 || i == 12000 ? "{\"text\": 1}\n" : "{\"text\": \"the quick brown fox\"}\n";
  const ExampleSource broken = source("rows.jsonl", rows);
  for (const int threads : {1, 4})
    EXPECT_THAT(refusal({broken}, {.num_threads = threads}), HasSubstr("rows.jsonl:9001: text"));
}

TEST_F(ExampleDatasets, MaxRowsTakesTheFirst) {
  ExampleSource chat =
      source("chat.jsonl", rows_of(random_texts(50, 5, 3), random_texts(50, 6, 3)));
  chat.max_rows = 7;
  const ExampleDataset dataset = prepare({chat});
  EXPECT_EQ(dataset.shards[0].source.counts.rows, 7u);
}

// Rows that people wrote, by the tokenizer and template of a model in use: the trained text is the
// assistant's, word for word.
TEST_F(ExampleDatasets, RealRowsTrainTheirAnswers) {
  const fs::path shared = test::shared_dir() / "data", qwen = shared / "tokenizers/qwen3";
  if (!fs::exists(qwen)) GTEST_SKIP() << "skipped: " << qwen << " is absent";
  tokenizer_ = text::load_tokenizer(qwen);
  const std::string think = "<think>\n\n</think>\n\n";
  size_t rows = 0;
  for (const auto& [file, answer] : std::vector<std::pair<std::string, std::string>>{
           {"sft/ko_chatbot.valid.alpaca.jsonl", "output"},
           {"sft/en_alpaca.alpaca.jsonl", "output"},
           {"sft/ko_translation.valid.messages.jsonl", "/messages/1/content"},
           {"preference/ko_translation.valid.jsonl", "chosen"},
           {"preference/en_dpo.sharegpt.jsonl", "/chosen/value"}}) {
    std::vector<std::string> answers;
    std::ifstream lines(shared / file);
    for (std::string line; std::getline(lines, line);) {
      const auto row = io::OrderedJson::parse(line);
      const std::string pointer = answer[0] == '/' ? answer : "/" + answer;
      answers.push_back(row[io::OrderedJson::json_pointer(pointer)]);
    }
    const ExampleEncoder encoder = encoder_of(tokenizer_, {.max_length = 0});
    ExampleReader reader(encoder, {.num_threads = 2});
    size_t next = 0;
    reader.read({.name = "", .paths = {(shared / file).string()}}, [&](const EncodedExample& one) {
      ASSERT_EQ(one.outcome, ExampleOutcome::kKept) << one.where;
      // As Qwen3's template has it: new lines at both ends go.
      std::string words = answers.at(next++);
      words.erase(0, words.find_first_not_of('\n'));
      EXPECT_THAT(trained_texts(*tokenizer_, one.documents[0]),
                  ElementsAre(think + words + "<|im_end|>"))
          << one.where;
      ++rows;
    });
  }
  EXPECT_GT(rows, 2000u);
}

}  // namespace
}  // namespace llm::corpus
