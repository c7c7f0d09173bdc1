// Oracle: Hugging Face `tokenizers` (scripts/goldens/make_tokenizers.py) and llama.cpp's id
// fixtures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "llm/io/hash.h"
#include "llm/io/json.h"
#include "llm/io/line_reader.h"
#include "llm/text/tokenizer.h"
#include "support/paths.h"

namespace llm::text {
namespace {

namespace fs = std::filesystem;

const fs::path kGolden = test::source_dir() / "tests/golden/tokenizers";
const fs::path kShared = test::shared_dir() / "data";

using Ids = std::vector<int32_t>;

class HfGolden : public testing::TestWithParam<std::string> {};

TEST_P(HfGolden, IdsAndTextAreEqual) {
  const io::Json golden = io::read_json_file(kGolden / "cases.json");
  const auto tokenizer = load_tokenizer(kGolden / (GetParam() + ".json"));
  const io::Json& expected = golden["tokenizers"][GetParam()];
  for (size_t i = 0; i < golden["texts"].size(); ++i) {
    const auto text = golden["texts"][i].get<std::string>();
    SCOPED_TRACE(golden["texts"][i].dump());
    EXPECT_EQ(tokenizer->encode(text), expected["plain"][i].get<Ids>());
    const auto parsed = expected["parsed"][i].get<Ids>();
    EXPECT_EQ(tokenizer->encode(text, {.parse_special = true, .add_special = true}), parsed);
    if (!expected["decoded"][i].is_null()) {
      EXPECT_EQ(tokenizer->decode(parsed, true), expected["decoded"][i].get<std::string>());
    }
  }
}

TEST_P(HfGolden, SaveAndLoadKeepEverything) {
  const auto tokenizer = load_tokenizer(kGolden / (GetParam() + ".json"));
  const fs::path folder = fs::path(testing::TempDir()) / ("saved_" + GetParam());
  tokenizer->save(folder);
  const auto loaded = load_tokenizer(folder);
  EXPECT_EQ(loaded->fingerprint(), tokenizer->fingerprint());
  EXPECT_EQ(loaded->vocab_size(), tokenizer->vocab_size());
  const io::Json golden = io::read_json_file(kGolden / "cases.json");
  for (const io::Json& text : golden["texts"]) {
    const EncodeOptions options{.parse_special = true, .add_special = true};
    EXPECT_EQ(loaded->encode(text.get<std::string>(), options),
              tokenizer->encode(text.get<std::string>(), options));
  }
  fs::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, HfGolden,
                         testing::Values("gpt2", "llama3", "qwen2", "smollm", "corners", "words",
                                         "unk", "fused_unk", "dropped", "splits"));

struct LlamaCppPair {
  const char* fixture;
  const char* tokenizer;
};

class LlamaCpp : public testing::TestWithParam<LlamaCppPair> {};

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

TEST_P(LlamaCpp, IdsAreEqual) {
  const fs::path folder = kShared / "tokenizers";
  const fs::path inputs = folder / (std::string(GetParam().fixture) + ".inp");
  if (!fs::exists(inputs)) GTEST_SKIP() << "skipped: " << inputs << " is absent";
  const auto tokenizer = load_tokenizer(folder / GetParam().tokenizer);
  const std::string separator = "\n__ggml_vocab_test__\n";
  const std::string all = read_text(inputs);
  std::ifstream outputs(folder / (std::string(GetParam().fixture) + ".out"));
  int checked = 0;
  for (size_t at = 0, end; (end = all.find(separator, at)) != all.npos;
       at = end + separator.size()) {
    std::string line;
    ASSERT_TRUE(std::getline(outputs, line));
    std::istringstream numbers(line);
    Ids expected;
    for (int32_t id; numbers >> id;) expected.push_back(id);
    EXPECT_EQ(tokenizer->encode(all.substr(at, end - at)), expected) << "text " << checked;
    ++checked;
  }
  EXPECT_EQ(checked, 46);
}

INSTANTIATE_TEST_SUITE_P(Fixtures, LlamaCpp,
                         testing::Values(LlamaCppPair{"ggml-vocab-gpt-2.gguf", "gpt2"},
                                         LlamaCppPair{"ggml-vocab-qwen2.gguf",
                                                      "qwen3/tokenizer.json.zst"}),
                         [](const auto& test) { return test.index == 0 ? "gpt2" : "qwen2"; });

// The first `count` characters.
std::string_view characters(std::string_view text, size_t count) {
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const bool starts = (static_cast<uint8_t>(text[at]) & 0xC0) != 0x80;
    if (starts && count-- == 0) break;
  }
  return text.substr(0, at);
}

// The documents of shared_documents() in make_tokenizers.py.
std::vector<std::string> shared_documents() {
  std::vector<std::string> documents;
  for (const char* name : {"ko_reviews", "en_classics", "ko_python_docs"}) {
    io::LineReader lines(kShared / "corpus" / (std::string(name) + ".jsonl.zst"));
    size_t total = 0;
    while (total < 350000) {
      const auto record = io::parse_json(lines.next().value(), name);
      documents.emplace_back(characters(record["text"].get_ref<const std::string&>(), 40000));
      total += documents.back().size();
    }
  }
  return documents;
}

TEST(SharedText, OneMegabyteHashesEqual) {
  if (!fs::exists(kShared / "corpus/ko_python_docs.jsonl.zst"))
    GTEST_SKIP() << "skipped: " << kShared / "corpus"
                 << " is absent";
  const io::Json golden = io::read_json_file(kGolden / "shared_text.json");
  const std::vector<std::string> documents = shared_documents();
  for (const auto& [name, path] :
       {std::pair("qwen3", "qwen3/tokenizer.json.zst"), {"gpt2", "gpt2"}}) {
    const auto tokenizer = load_tokenizer(kShared / "tokenizers" / path);
    io::Xxh3 hash;
    size_t tokens = 0;
    for (const std::string& text : documents) {
      Ids ids = tokenizer->encode(text);
      tokens += ids.size();
      ids.insert(ids.begin(), static_cast<int32_t>(ids.size()));
      hash.update(std::as_bytes(std::span(ids)));
    }
    EXPECT_EQ(documents.size(), golden[name]["documents"].get<size_t>());
    EXPECT_EQ(tokens, golden[name]["tokens"].get<size_t>()) << name;
    EXPECT_EQ(io::hex64(hash.digest()), golden[name]["xxh3"].get<std::string>()) << name;
  }
}

}  // namespace
}  // namespace llm::text
