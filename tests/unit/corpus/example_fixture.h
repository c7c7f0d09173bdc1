// Tokenizers and rows for the tests of examples.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "llm/corpus/example_encoder.h"
#include "llm/io/json.h"
#include "unit/corpus/corpus_fixture.h"

namespace llm::corpus {

// Of the templates in use, and of ours.
inline const std::vector<std::string>& example_markers() {
  static const std::vector<std::string> markers = {"<|im_start|>",
                                                   "<|im_end|>",
                                                   "<|eot_id|>",
                                                   "<|begin_of_text|>",
                                                   "<|start_header_id|>",
                                                   "<|end_header_id|>",
                                                   "<s>",
                                                   "</s>",
                                                   "<end_of_turn>",
                                                   "<start_of_turn>",
                                                   "<|end|>",
                                                   "<|user|>",
                                                   "<|assistant|>",
                                                   "<|system|>",
                                                   "<｜end▁of▁sentence｜>",
                                                   "<｜Assistant｜>",
                                                   "<｜User｜>",
                                                   "[INST]",
                                                   "[/INST]"};
  return markers;
}

struct TokenizerChanges {
  std::string bos, eos;       // of the markers; "": none
  std::string chat_template;  // of the model
  bool adds_bos = false;      // by itself
};

// The byte-level tokenizer of make_tokenizer with all markers as special tokens.
inline std::shared_ptr<const text::Tokenizer> marker_tokenizer(const test::TempDirectory& dir,
                                                               const TokenizerChanges& changes,
                                                               const std::string& name = "marked") {
  const std::filesystem::path folder = make_tokenizer(dir, name);
  io::OrderedJson json = io::read_ordered_json_file(folder / "tokenizer.json");
  int next = 300;
  int bos_id = 0;
  for (const std::string& marker : example_markers()) {
    if (marker == changes.bos) bos_id = next;
    json["added_tokens"].push_back({{"id", next++},
                                    {"content", marker},
                                    {"single_word", false},
                                    {"lstrip", false},
                                    {"rstrip", false},
                                    {"normalized", false},
                                    {"special", true}});
  }
  if (changes.adds_bos) {
    const io::OrderedJson bos = {{"SpecialToken", {{"id", changes.bos}, {"type_id", 0}}}};
    const auto text = [](const char* id) {
      return io::OrderedJson{{"Sequence", {{"id", id}, {"type_id", 0}}}};
    };
    json["post_processor"] = {{"type", "TemplateProcessing"},
                              {"single", io::OrderedJson::array({bos, text("A")})},
                              {"pair", io::OrderedJson::array({bos, text("A"), bos, text("B")})},
                              {"special_tokens",
                               {{changes.bos,
                                 {{"id", changes.bos},
                                  {"ids", io::OrderedJson::array({bos_id})},
                                  {"tokens", io::OrderedJson::array({changes.bos})}}}}}};
  }
  std::ofstream(folder / "tokenizer.json") << json.dump();
  io::OrderedJson config = {{"tokenizer_class", "PreTrainedTokenizerFast"}};
  if (!changes.bos.empty()) config["bos_token"] = changes.bos;
  if (!changes.eos.empty()) config["eos_token"] = changes.eos;
  if (!changes.chat_template.empty()) config["chat_template"] = changes.chat_template;
  std::ofstream(folder / "tokenizer_config.json") << config.dump();
  return text::load_tokenizer(folder);
}

inline Example example_of(const std::string& line, ExampleFormat format = ExampleFormat::kAuto,
                          const ExampleColumns& columns = {}) {
  return parse_example(parse_example_json(line, "rows.jsonl:7"), columns, format, "rows.jsonl:7");
}

inline ExampleEncoder encoder_of(std::shared_ptr<const text::Tokenizer> tokenizer,
                                 const EncodeConfig& config) {
  auto chat_template = example_template(config, *tokenizer);
  return {config, std::move(tokenizer), std::move(chat_template)};
}

// The text of each run of trained tokens.
inline std::vector<std::string> trained_texts(const text::Tokenizer& tokenizer,
                                              const TrainingDocument& document) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < document.ids.size(); ++i) {
    if (!document.trained[i]) continue;
    size_t end = i;
    while (end < document.ids.size() && document.trained[end]) ++end;
    texts.push_back(tokenizer.decode(std::span(document.ids).subspan(i, end - i)));
    i = end;
  }
  return texts;
}

}  // namespace llm::corpus
