#include <set>

#include "eval/verify_parts.h"

namespace llm::eval {
namespace {

std::string text_of(const io::OrderedJson& json, const std::string& key) {
  const auto found = json.find(key);
  return found == json.end() ? "absent" : found->dump();
}

std::set<std::string> keys_of(const io::OrderedJson& a, const io::OrderedJson& b) {
  std::set<std::string> keys;
  for (const auto& [key, unused] : a.items()) keys.insert(key);
  for (const auto& [key, unused] : b.items()) keys.insert(key);
  return keys;
}

// Keys nobody computes with: a difference is worth a note and no more.
void add_inert(const arch::ModelConfig& source, const arch::ModelConfig& result,
               std::vector<VerifyRow>& rows) {
  for (const std::string& key : keys_of(source.inert, result.inert)) {
    const std::string a = text_of(source.inert, key);
    const std::string b = text_of(result.inert, key);
    if (a == b) continue;
    rows.push_back({.check = "config " + key,
                    .verdict = Verdict::kNote,
                    .source = a,
                    .result = b,
                    .note = "not used in computing"});
  }
}

}  // namespace

VerifyRow compare_text(const std::string& check, const std::string& source,
                       const std::string& result) {
  return {.check = check,
          .verdict = source == result ? Verdict::kPass : Verdict::kFail,
          .source = source,
          .result = result,
          .note = {}};
}

std::vector<VerifyRow> verify_config(const VerifySide& source, const VerifySide& result) {
  const io::OrderedJson a = arch::to_json(source.config);
  const io::OrderedJson b = arch::to_json(result.config);
  std::vector<VerifyRow> rows;
  for (const std::string& key : keys_of(a, b)) {
    const bool is_inert = source.config.inert.contains(key) || result.config.inert.contains(key);
    if (is_inert || key == "torch_dtype") continue;  // the dtype has a row with the weights
    rows.push_back(compare_text("config " + key, text_of(a, key), text_of(b, key)));
  }
  add_inert(source.config, result.config, rows);
  return rows;
}

}  // namespace llm::eval
