// Oracle: `sentencepiece` and Hugging Face `tokenizers` (scripts/goldens/make_sentencepiece.py).
#include <gtest/gtest.h>

#include <filesystem>

#include "llm/io/json.h"
#include "llm/text/tokenizer.h"
#include "support/paths.h"
#include "support/temp_directory.h"
#include "text/byte_pieces.h"

namespace llm::text {
namespace {

namespace fs = std::filesystem;

using TokenIds = std::vector<int32_t>;

const fs::path kModels = test::source_dir() / "tests/golden/tokenizers/sentencepiece";

const io::Json& sentencepiece_cases() {
  static const io::Json cases = io::read_json_file(kModels / "cases.json");
  return cases;
}

// What a stream of the ids says, piece by piece.
std::string streamed(const std::shared_ptr<const Tokenizer>& tokenizer, const TokenIds& ids,
                     bool skip_special) {
  StreamingDecoder decoder(tokenizer, skip_special);
  std::string out;
  for (const int32_t id : ids) out += decoder.push(id);
  return out + decoder.finish();
}

class SentencePieceGolden : public testing::TestWithParam<std::string> {};

TEST_P(SentencePieceGolden, IdsAreEqual) {
  const auto tokenizer = load_tokenizer(kModels / (GetParam() + ".model"));
  const io::Json& expected = sentencepiece_cases()["models"][GetParam()];
  const io::Json& texts = sentencepiece_cases()["texts"];
  for (size_t i = 0; i < texts.size(); ++i) {
    SCOPED_TRACE(texts[i].dump());
    const auto text = texts[i].get<std::string>();
    const TokenIds ids = tokenizer->encode(text);
    EXPECT_EQ(ids, expected["ids"][i].get<TokenIds>());
    EXPECT_EQ(streamed(tokenizer, ids, false), tokenizer->decode(ids));
    if (tokenizer->count_unknown(text) > 0) continue;  // SentencePiece writes " \u2047 " for those
    EXPECT_EQ(tokenizer->decode(ids), expected["decoded"][i].get<std::string>());
    EXPECT_EQ(tokenizer->decode(ids), tokenizer->normalize(text));
  }
}

TEST_P(SentencePieceGolden, SavedFolderIsTheSameTokenizer) {
  const auto tokenizer = load_tokenizer(kModels / (GetParam() + ".model"));
  const test::TempDirectory folder;
  tokenizer->save(folder.path());
  const auto again = load_tokenizer(folder.path());
  EXPECT_EQ(again->fingerprint(), tokenizer->fingerprint());
  EXPECT_EQ(again->bos_id(), tokenizer->bos_id());
  EXPECT_EQ(again->eos_id(), tokenizer->eos_id());
  EXPECT_EQ(again->pad_id(), tokenizer->pad_id());
  EXPECT_EQ(again->unk_id(), tokenizer->unk_id());
  // tokenizer.model of the folder, alone.
  const test::TempDirectory alone;
  fs::copy_file(folder / "tokenizer.model", alone / "tokenizer.model");
  EXPECT_EQ(load_tokenizer(alone.path())->fingerprint(), tokenizer->fingerprint());
}

// tokenizer.json says the same but where sentencepiece.h tells.
TEST_P(SentencePieceGolden, SavedJsonGivesTheSameIds) {
  const auto tokenizer = load_tokenizer(kModels / (GetParam() + ".model"));
  const test::TempDirectory folder;
  tokenizer->save(folder.path());
  const auto json = load_tokenizer(folder / "tokenizer.json");
  EXPECT_EQ(json->vocab_size(), tokenizer->vocab_size());
  int differ = 0;
  for (const io::Json& entry : sentencepiece_cases()["texts"]) {
    const auto text = entry.get<std::string>();
    bool user_defined = false;
    for (const AddedToken& token : tokenizer->added_tokens())
      user_defined |= !token.special && text.find(token.content) != text.npos;
    if (user_defined) continue;
    const EncodeOptions options{.add_special = true};
    if (json->encode(text, options) == tokenizer->encode(text, options)) continue;
    EXPECT_TRUE(GetParam().starts_with("unigram") || GetParam() == "bpe_rules") << entry.dump();
    ++differ;
  }
  EXPECT_LE(differ, 12);
}

INSTANTIATE_TEST_SUITE_P(Models, SentencePieceGolden,
                         testing::Values("bpe_llama", "bpe_bare", "bpe_rules", "unigram",
                                         "unigram_bytes"),
                         [](const auto& test) { return test.param; });

class HuggingFaceGolden : public testing::TestWithParam<std::string> {};

fs::path json_file(const std::string& name) {
  const fs::path plain = kModels / (name + ".json");
  return fs::exists(plain) ? plain : kModels / (name + ".json.gz");
}

// `tokenizers` takes text that spells a piece for the piece: for us it stays text.
bool spells_a_piece(const Tokenizer& tokenizer, const std::string& text) {
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    if ((tokenizer.is_special(id) || byte_of_piece(tokenizer.piece(id))) &&
        text.find(tokenizer.piece(id)) != text.npos)
      return true;
  return false;
}

TEST_P(HuggingFaceGolden, IdsAndTextAreEqual) {
  const auto tokenizer = load_tokenizer(json_file(GetParam()));
  const bool finds_pieces =
      GetParam().starts_with("hf_unigram") || GetParam() == "hf_ignore_merges";
  const io::Json& expected = sentencepiece_cases()["tokenizers"][GetParam()];
  const io::Json& texts = sentencepiece_cases()["texts"];
  for (size_t i = 0; i < texts.size(); ++i) {
    SCOPED_TRACE(texts[i].dump());
    const auto text = texts[i].get<std::string>();
    const auto parsed = expected["parsed"][i].get<TokenIds>();
    if (!finds_pieces || !spells_a_piece(*tokenizer, text)) {
      EXPECT_EQ(tokenizer->encode(text), expected["plain"][i].get<TokenIds>());
      EXPECT_EQ(tokenizer->encode(text, {.parse_special = true, .add_special = true}), parsed);
    }
    EXPECT_EQ(tokenizer->decode(parsed, true), expected["decoded"][i].get<std::string>());
    EXPECT_EQ(streamed(tokenizer, parsed, true), tokenizer->decode(parsed, true));
  }
}

TEST_P(HuggingFaceGolden, SaveAndLoadKeepEverything) {
  const auto tokenizer = load_tokenizer(json_file(GetParam()));
  const test::TempDirectory folder;
  tokenizer->save(folder.path());
  EXPECT_EQ(load_tokenizer(folder.path())->fingerprint(), tokenizer->fingerprint());
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, HuggingFaceGolden,
                         testing::Values("hf_llama_legacy", "hf_llama_first", "hf_ignore_merges",
                                         "hf_bpe_unfused", "hf_unigram", "hf_unigram_bytes"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace llm::text
