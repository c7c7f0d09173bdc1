#include "text/pipeline_json.h"
#include "text/tokenizer_json.h"

namespace llm::text {
namespace {

using Json = nlohmann::ordered_json;

std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json added_token_json(const AddedToken& token) {
  return {{"id", token.id},          {"content", token.content}, {"single_word", token.single_word},
          {"lstrip", token.lstrip},  {"rstrip", token.rstrip},   {"normalized", token.normalized},
          {"special", token.special}};
}

// The model is written by hand: an ordered JSON object of 100,000 pieces would be quadratic.
void append_model(const BpeRules& rules, std::string& out) {
  out += "{\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": ";
  out += rules.unk_id ? quoted(rules.pieces[*rules.unk_id]) : "null";
  out += ",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null";
  out += std::string(",\n    \"fuse_unk\": ") + (rules.fuse_unk ? "true" : "false");
  out += ",\n    \"byte_fallback\": false";
  out += std::string(",\n    \"ignore_merges\": ") + (rules.ignore_merges ? "true" : "false");
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
}

}  // namespace

std::string write_tokenizer_json(const TokenizerSpec& spec) {
  Json added = Json::array();
  for (const AddedToken& token : spec.added_tokens) added.push_back(added_token_json(token));
  std::string out = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null";
  const auto part = [&](const char* name, const Json& json) {
    out.append(",\n  \"").append(name).append("\": ");
    out.append(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  part("added_tokens", added);
  part("normalizer", write_normalizer(spec));
  part("pre_tokenizer", write_pre_tokenizer(spec));
  part("post_processor", write_post_processor(spec));
  part("decoder", write_decoder());
  out += ",\n  \"model\": ";
  append_model(spec.model, out);
  out += "\n}\n";
  return out;
}

}  // namespace llm::text
