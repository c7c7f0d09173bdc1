#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "text/model_json.h"

namespace llm::text {
namespace {

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const char* truth(bool value) { return value ? "true" : "false"; }

// The model is written by hand: an ordered JSON object of 100,000 pieces would be quadratic.
std::string write_bpe(const BpeRules& rules) {
  std::string out;
  out += "{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ";
  out += rules.unk_id ? quoted(rules.pieces[*rules.unk_id]) : "null";
  out += ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null";
  out += fmt::format(",\n    \"fuse_unk\": {}", truth(rules.fuse_unk));
  out += fmt::format(",\n    \"byte_fallback\": {}", truth(rules.byte_fallback));
  out += fmt::format(",\n    \"ignore_merges\": {}", truth(rules.ignore_merges));
  out += ",\n    \"vocab\": {";
  const char* separator = "\n";
  for (size_t id = 0; id < rules.pieces.size(); ++id) {
    if (rules.pieces[id].empty()) continue;
    out.append(separator).append("      ").append(quoted(rules.pieces[id]));
    out.append(": ").append(std::to_string(id));
    separator = ",\n";
  }
  out += "\n    },\n    \"merges\": [";
  separator = "\n";
  for (const auto& [left, right] : rules.merges) {
    out.append(separator).append("      [").append(quoted(rules.pieces[left]));
    out.append(", ").append(quoted(rules.pieces[right])).append("]");
    separator = ",\n";
  }
  out += "\n    ]\n  }";
  return out;
}

std::string write_unigram(const UnigramRules& rules) {
  std::string out = "{\n    \"type\": \"Unigram\",\n    \"unk_id\": ";
  out += rules.unk_id ? fmt::format("{}", *rules.unk_id) : "null";
  out += ",\n    \"vocab\": [";
  const char* separator = "\n";
  for (size_t id = 0; id < rules.pieces.size(); ++id) {
    out += fmt::format("{}      [{}, {}]", separator, quoted(rules.pieces[id]), rules.scores[id]);
    separator = ",\n";
  }
  out += fmt::format("\n    ],\n    \"byte_fallback\": {}\n  }}", truth(rules.byte_fallback));
  return out;
}

}  // namespace

std::string write_model(const AnyRules& rules) {
  if (const auto* bpe = std::get_if<BpeRules>(&rules)) return write_bpe(*bpe);
  return write_unigram(std::get<UnigramRules>(rules));
}

}  // namespace llm::text
