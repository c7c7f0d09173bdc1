#include <fmt/format.h>

#include <array>
#include <utility>

#include "text/pipeline_json.h"

namespace llm::text {
namespace {

constexpr std::array<std::pair<std::string_view, SplitBehavior>, 5> kBehaviors = {
    {{"Isolated", SplitBehavior::kIsolated},
     {"Removed", SplitBehavior::kRemoved},
     {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
     {"MergedWithNext", SplitBehavior::kMergedWithNext},
     {"Contiguous", SplitBehavior::kContiguous}}};

constexpr int kMaxNesting = 16;

const std::string& type_of(const JsonField& json) { return json.at("type").string(); }

// Calls visit(part) for `json` itself or, when it is a Sequence, for its parts in order.
template <class F>
void for_each_part(const JsonField& json, const std::string& list, F&& visit, int depth = 0) {
  if (json.is_null()) return;
  if (depth > kMaxNesting) json.refuse("fewer Sequences inside each other");
  if (type_of(json) != "Sequence") return visit(json);
  const JsonField parts = json.at(list).array();
  for (size_t i = 0; i < parts.size(); ++i) for_each_part(parts.item(i), list, visit, depth + 1);
}

PreTokenizerStep read_split(const JsonField& json) {
  PreTokenizerStep step;
  const JsonField pattern = json.at("pattern").object();
  step.is_regex = !pattern.at("Regex").is_null();
  step.pattern = pattern.at(step.is_regex ? "Regex" : "String").string();
  step.invert = json.at("invert").boolean_or(false);
  const std::string& behavior = json.at("behavior").string();
  for (const auto& [name, value] : kBehaviors) {
    if (name != behavior) continue;
    step.behavior = value;
    return step;
  }
  json.at("behavior").refuse("Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous");
}

PreTokenizerStep read_step(const JsonField& json) {
  const std::string& type = type_of(json);
  if (type == "Split") return read_split(json);
  PreTokenizerStep step;
  if (type == "Digits") {
    step.kind = PreTokenizerStep::Kind::kDigits;
    step.individual_digits = json.at("individual_digits").boolean_or(false);
    return step;
  }
  if (type == "ByteLevel") {
    step.kind = PreTokenizerStep::Kind::kByteLevel;
    step.add_prefix_space = json.at("add_prefix_space").boolean_or(true);
    step.use_regex = json.at("use_regex").boolean_or(true);
    return step;
  }
  json.at("type").refuse("a supported pre-tokenizer (Split, Digits, ByteLevel, Sequence)",
                         "Only byte-level BPE tokenizers can be read from tokenizer.json");
}

void read_template(const JsonField& json, TokenizerSpec& spec) {
  const JsonField single = json.at("single").array();
  const JsonField specials = json.at("special_tokens");
  bool after_text = false;
  for (size_t i = 0; i < single.size(); ++i) {
    const JsonField part = single.item(i).object();
    if (!part.at("Sequence").is_null()) {
      if (after_text) part.refuse("the text once");
      after_text = true;
      continue;
    }
    const JsonField ids = specials.at(part.at("SpecialToken").at("id").string()).at("ids").array();
    auto& target = after_text ? spec.suffix_ids : spec.prefix_ids;
    for (size_t k = 0; k < ids.size(); ++k) {
      const int64_t id = ids.item(k).integer();
      if (id < 0 || id > INT32_MAX) ids.item(k).refuse("an id");
      target.push_back(static_cast<int32_t>(id));
    }
  }
  if (!after_text) single.refuse("a Sequence entry for the text");
}

}  // namespace

std::vector<NormalForm> read_normalizer(const JsonField& json) {
  std::vector<NormalForm> forms;
  for_each_part(json, "normalizers", [&](const JsonField& part) {
    for (const NormalForm form :
         {NormalForm::kNfc, NormalForm::kNfd, NormalForm::kNfkc, NormalForm::kNfkd})
      if (type_of(part) == normal_form_name(form)) return forms.push_back(form);
    part.at("type").refuse("a supported normalizer (NFC, NFD, NFKC, NFKD, Sequence)");
  });
  return forms;
}

std::vector<PreTokenizerStep> read_pre_tokenizer(const JsonField& json) {
  std::vector<PreTokenizerStep> steps;
  for_each_part(json, "pretokenizers", [&](const JsonField& part) {
    if (!steps.empty() && steps.back().kind == PreTokenizerStep::Kind::kByteLevel)
      part.refuse("ByteLevel as the last pre-tokenizer");
    steps.push_back(read_step(part));
  });
  if (steps.empty() || steps.back().kind != PreTokenizerStep::Kind::kByteLevel)
    json.refuse("a pre-tokenizer that ends with ByteLevel",
                "Only byte-level BPE tokenizers can be read from tokenizer.json");
  return steps;
}

void read_post_processor(const JsonField& json, TokenizerSpec& spec) {
  bool seen = false;
  for_each_part(json, "processors", [&](const JsonField& part) {
    const std::string& type = type_of(part);
    if (type == "ByteLevel") return;  // changes offsets only
    if (type != "TemplateProcessing")
      part.at("type").refuse(
          "a supported post-processor (ByteLevel, TemplateProcessing, Sequence)");
    if (seen) part.refuse("one TemplateProcessing");
    seen = true;
    read_template(part, spec);
  });
}

void check_decoder(const JsonField& json) {
  bool byte_level = false;
  for_each_part(json, "decoders", [&](const JsonField& part) {
    if (type_of(part) != "ByteLevel") part.at("type").refuse("the decoder ByteLevel");
    byte_level = true;
  });
  if (!byte_level) json.refuse("the decoder ByteLevel");
}

}  // namespace llm::text
