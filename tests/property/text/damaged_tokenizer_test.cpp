// Oracle: a typed error that names its place, or a tokenizer that survives being written and read.
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "../fuzz/text_targets.h"
#include "llm/io/file.h"
#include "support/mutate.h"
#include "support/paths.h"

namespace llm::text {
namespace {

const std::filesystem::path kSoundTokenizers = test::source_dir() / "tests/golden/tokenizers";

std::string mutated(std::string text, std::mt19937_64& rng) {
  static const std::vector<std::string> kPieces = {
      "null", "-1",   "1e9",      "[]",        "{}", "\"\"",
      "true", ",",    "\"",       "ByteLevel", "\\", "99999999999999999999",
      "[",    "\xff", "Sequence", "Removed"};
  for (uint64_t edits = 1 + rng() % 4; edits > 0 && !text.empty(); --edits) {
    // Mostly outside the long vocabulary, where the structure is.
    const size_t at = rng() % std::min<size_t>(text.size(), rng() % 4 ? 2500 : text.size());
    switch (rng() % 4) {
      case 0:
        text.erase(at, 1 + rng() % 8);
        break;
      case 1:
        text.insert(at, kPieces[rng() % kPieces.size()]);
        break;
      case 2:
        text[at] = static_cast<char>(rng());
        break;
      default: {
        const size_t value = text.find(':', at);
        if (value == text.npos) break;
        const size_t end = text.find_first_of(",}", value);
        if (end != text.npos)
          text.replace(value + 1, end - value - 1, kPieces[rng() % kPieces.size()]);
      }
    }
  }
  return text;
}

TEST(DamagedTokenizer, IsRefusedOrWorks) {
  std::mt19937_64 rng(13);
  int accepted = 0, refused = 0;
  for (const char* name : {"llama3", "corners", "unk", "splits", "sentencepiece/hf_llama_first",
                           "sentencepiece/hf_unigram_bytes"}) {
    const std::string whole = io::read_file(kSoundTokenizers / (std::string(name) + ".json"));
    ASSERT_TRUE(fuzz::tokenizer_json(whole));
    for (int i = 0; i < 400; ++i) {
      std::string text = mutated(whole, rng);
      if (i % 10 == 0) text.resize(rng() % text.size());
      bool works = false;
      ASSERT_NO_THROW(works = fuzz::tokenizer_json(text)) << text.substr(0, 2500);
      ++(works ? accepted : refused);
    }
  }
  EXPECT_GT(accepted, 10);
  EXPECT_GT(refused, 10);
}

TEST(DamagedSentencePiece, IsRefusedOrWorks) {
  core::PhiloxStream random(17, 0);
  int accepted = 0, refused = 0;
  for (const char* name : {"bpe_llama", "bpe_rules", "unigram_bytes", "unigram"}) {
    const std::string whole =
        io::read_file(kSoundTokenizers / "sentencepiece" / (std::string(name) + ".model"));
    ASSERT_TRUE(fuzz::sentencepiece(whole));
    for (int i = 0; i < 300; ++i) {
      std::string bytes = whole;
      for (int edits = 1 + i % 3; edits > 0; --edits) test::mutate_once(bytes, random);
      bool works = false;
      ASSERT_NO_THROW(works = fuzz::sentencepiece(bytes)) << name << " " << i;
      ++(works ? accepted : refused);
    }
  }
  EXPECT_GT(accepted, 10);
  EXPECT_GT(refused, 10);
}

}  // namespace
}  // namespace llm::text
