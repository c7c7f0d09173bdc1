// A small tokenizer on disk, and random documents, for the tests of this room.
#pragma once

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "llm/io/json.h"
#include "llm/text/bpe_trainer.h"
#include "llm/text/tokenizer.h"
#include "llm/text/utf8.h"
#include "support/temp_directory.h"

namespace llm::corpus {

// Byte-level BPE of 300 ids in DIR/NAME; `seed_text` decides the merges.
inline std::filesystem::path make_tokenizer(
    const test::TempDirectory& dir, const std::string& name = "tok",
    const std::string& seed_text = "the quick brown fox the lazy dog the the 한국어 한국 ") {
  text::BpeTrainer trainer({.vocab_size = 300});
  for (int i = 0; i < 20; ++i) trainer.add_text(seed_text);
  const auto tokenizer = trainer.train();
  std::filesystem::create_directories(dir / name);
  tokenizer->save(dir / name);
  return dir / name;
}

// Text of words, Hangul, emoji, quotes, tabs and line ends: at least one visible character.
inline std::string random_text(std::mt19937& random, size_t max_words) {
  static const std::vector<std::string> words = {
      "the",  "quick", " ",  "\n", "\t", "한국어", "\"quoted\"",    "back\\slash",
      "🙂", "é",     "\n", "가", "  ", "1234",   "<|endoftext|>", "\u0001"};
  std::string text = "x";
  const size_t count = random() % (max_words + 1);
  for (size_t i = 0; i < count; ++i) text += words[random() % words.size()];
  return text;
}

inline std::vector<std::string> random_texts(size_t count, unsigned seed, size_t max_words = 40) {
  std::mt19937 random(seed);
  std::vector<std::string> texts;
  for (size_t i = 0; i < count; ++i) texts.push_back(random_text(random, max_words));
  return texts;
}

inline std::string to_jsonl(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    out += io::OrderedJson{{"id", 7}, {"text", text}, {"meta", {{"text", "not this"}}}}.dump();
    out += '\n';
  }
  return out;
}

}  // namespace llm::corpus
