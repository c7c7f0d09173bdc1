// Strictness both ways: what a directory's tensors lack or have too much of, against a config.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "llm/convert/weight_source.h"
#include "llm/core/config.h"
#include "llm/core/error.h"

namespace llm::convert {
namespace {

constexpr size_t kMaxListed = 5;

bool is_readable_dtype(at::ScalarType dtype) {
  return dtype == at::kFloat || dtype == at::kBFloat16 || dtype == at::kHalf ||
         dtype == at::kDouble;
}

bool is_derived_buffer(const std::string& name) {
  return name.ends_with(".self_attn.rotary_emb.inv_freq");
}

std::string list_names(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kMaxListed);
  std::string text = fmt::format("{}", fmt::join(names.begin(), names.begin() + shown, ", "));
  if (shown < names.size()) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

// "model.norm.weight (there is model.norm.weights)" for names that have an unused neighbour.
std::vector<std::string> with_nearest(const WeightMismatch& mismatch) {
  std::vector<std::string> out;
  for (const std::string& name : mismatch.missing) {
    const bool worth_it = out.size() < kMaxListed && mismatch.unused.size() <= 1000;
    const std::string nearest = worth_it ? core::nearest_name(name, mismatch.unused) : "";
    out.push_back(nearest.empty() ? name : fmt::format("{} (there is {})", name, nearest));
  }
  return out;
}

std::string hint_for(const WeightMismatch& mismatch, const arch::ModelConfig& config) {
  const auto& missing = mismatch.missing;
  if (!config.tie_word_embeddings && missing == std::vector<std::string>{arch::kHeadName}) {
    return "If this model's head is its embedding, set \"tie_word_embeddings\": true in "
           "config.json.";
  }
  if (!mismatch.dtypes.empty()) {
    return "Weights must be F32, BF16 or F16, or the blocks of a GGUF file.";
  }
  return "config.json does not describe these weights, or a file is incomplete.";
}

bool equal_values(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes()) {
    return std::memcmp(a.const_data_ptr(), b.const_data_ptr(), a.nbytes()) == 0;
  }
  return a.sizes() == b.sizes() && at::equal(a.to(at::kFloat), b.to(at::kFloat));
}

void require_tied_head_equal(const WeightSource& source) {
  if (!source.contains(arch::kHeadName) ||
      equal_values(source.read(arch::kHeadName), source.read(arch::kEmbeddingName)))
    return;
  throw core::FormatError(
      {.where = source.where() + ": " + arch::kHeadName,
       .expected = std::string("the values of ") + arch::kEmbeddingName +
                   ", because config.json has \"tie_word_embeddings\": true",
       .got = "other values",
       .hint = "Set \"tie_word_embeddings\": false to use the stored head, or remove it."});
}

}  // namespace

WeightMismatch compare_weights(const WeightSource& source, const arch::ModelConfig& config) {
  WeightMismatch mismatch;
  std::set<std::string> expected;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(config)) {
    expected.insert(spec.name);
    if (!source.contains(spec.name)) {
      mismatch.missing.push_back(spec.name);
      continue;
    }
    const StoredTensor& entry = source.entry(spec.name);
    if (entry.shape != spec.shape) {
      mismatch.shapes.push_back(fmt::format("{} [{}], expected [{}]", spec.name,
                                            fmt::join(entry.shape, ", "),
                                            fmt::join(spec.shape, ", ")));
    }
    if (!is_readable_dtype(entry.dtype)) {
      mismatch.dtypes.push_back(fmt::format("{} {}", spec.name, entry.type));
    }
  }
  for (const auto& [name, unused] : source.tensors()) {
    const bool tied_head = config.tie_word_embeddings && name == arch::kHeadName;
    if (!expected.contains(name) && !tied_head && !is_derived_buffer(name)) {
      mismatch.unused.push_back(name);
    }
  }
  return mismatch;
}

std::string describe(const WeightMismatch& mismatch) {
  std::vector<std::string> parts;
  const auto add = [&](const char* what, const std::vector<std::string>& names) {
    if (!names.empty())
      parts.push_back(fmt::format("{} {}: {}", names.size(), what, list_names(names)));
  };
  add("missing", with_nearest(mismatch));
  add("unused", mismatch.unused);
  add("of another shape", mismatch.shapes);
  add("of an unsupported type", mismatch.dtypes);
  return fmt::format("{}", fmt::join(parts, "; "));
}

void require_exact_weights(const WeightSource& source, const arch::ModelConfig& config) {
  const WeightMismatch mismatch = compare_weights(source, config);
  if (!mismatch.empty()) {
    throw core::FormatError({.where = source.where(),
                             .expected = fmt::format("exactly the {} tensors of config.json",
                                                     arch::parameter_specs(config).size()),
                             .got = describe(mismatch),
                             .hint = hint_for(mismatch, config)});
  }
  if (config.tie_word_embeddings) require_tied_head_equal(source);
}

}  // namespace llm::convert
