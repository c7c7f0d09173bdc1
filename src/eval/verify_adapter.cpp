#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>

#include "eval/finite_values.h"
#include "eval/verify_parts.h"
#include "llm/convert/lora_adapter.h"
#include "llm/core/error.h"
#include "llm/tensor/device.h"

namespace llm::eval {
namespace {

constexpr const char* kBaseKey = "base_model_name_or_path";

const convert::LoraAdapter& adapter_of(const VerifySide& side) {
  if (side.adapter) return side.adapter->adapter;
  throw core::ConfigError({.where = side.path.string(),
                           .expected = "a LoRA adapter directory",
                           .got = std::string("a ") + convert::format_name(side.format),
                           .hint = ""});
}

std::string full_path(const VerifySide& side) {
  return std::filesystem::weakly_canonical(side.adapter->base_path).string();
}

std::vector<VerifyRow> compare_configs(const convert::LoraAdapter& source,
                                       const convert::LoraAdapter& result) {
  const io::OrderedJson a = arch::to_json(source.config());
  const io::OrderedJson b = arch::to_json(result.config());
  std::set<std::string> keys;
  for (const auto& [key, unused] : a.items()) keys.insert(key);
  for (const auto& [key, unused] : b.items()) keys.insert(key);
  std::vector<VerifyRow> rows;
  for (const std::string& key : keys) {
    const auto text = [&](const io::OrderedJson& json) {
      return json.contains(key) ? json[key].dump() : "absent";
    };
    rows.push_back(compare_text("adapter " + key, text(a), text(b)));
    if (key == kBaseKey && rows.back().verdict == Verdict::kFail) {
      rows.back().verdict = Verdict::kNote;
      rows.back().note = "another way to name the same base";
    }
  }
  return rows;
}

std::string types_text(const io::SafetensorsFile& file) {
  std::map<std::string, int> counts;
  for (const io::TensorEntry& entry : file.entries()) ++counts[io::dtype_name(entry.dtype)];
  std::vector<std::string> parts;
  for (const auto& [type, count] : counts) parts.push_back(fmt::format("{} {}", count, type));
  return fmt::format("{}", fmt::join(parts, ", "));
}

VerifyRow compare_tensors(const io::SafetensorsFile& source, const io::SafetensorsFile& result) {
  VerifyRow row{.check = "adapter tensors",
                .verdict = Verdict::kPass,
                .source = fmt::format("{}", types_text(source)),
                .result = fmt::format("{}", types_text(result))};
  for (const io::TensorEntry& entry : source.entries()) {
    const io::TensorEntry* other = result.find(entry.name);
    const bool is_equal =
        other &&
        same_values(tensor::view_of(source, entry).to(tensor::to_scalar_type(other->dtype)),
                    tensor::view_of(result, *other));
    if (is_equal) continue;
    row.verdict = Verdict::kFail;
    row.note = entry.name + (other ? " differs" : " is missing");
    return row;
  }
  if (source.entries().size() != result.entries().size()) row.verdict = Verdict::kFail;
  if (row.source != row.result) row.note = "source rounded to the result's types";
  return row;
}

NonFiniteTensors not_finite(const io::SafetensorsFile& file) {
  NonFiniteTensors tensors;
  for (const io::TensorEntry& entry : file.entries()) {
    NonFinite counts;
    counts.add(tensor::view_of(file, entry));
    if (counts.any()) tensors.emplace_back(entry.name, counts);
  }
  return tensors;
}

}  // namespace

VerifyReport verify_adapters(const std::filesystem::path& source,
                             const std::filesystem::path& result, const VerifyOptions& options) {
  const VerifySide a = convert::open_model(source, options.open);
  const VerifySide b = convert::open_model(result, options.open);
  VerifyReport report{.source = a.path, .result = b.path, .rows = {}};
  report.rows = compare_configs(adapter_of(a), adapter_of(b));
  report.rows.push_back(compare_tensors(adapter_of(a).file(), adapter_of(b).file()));
  report.rows.push_back(
      finite_row(not_finite(adapter_of(a).file()), not_finite(adapter_of(b).file())));
  report.rows.push_back(compare_text("base", full_path(a), full_path(b)));
  for (VerifyRow& row : verify_text(a, b)) report.rows.push_back(std::move(row));
  return report;
}

}  // namespace llm::eval
