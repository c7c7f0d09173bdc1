#include "eval/finite_values.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace llm::eval {
namespace {

constexpr size_t kMaxListed = 5;

std::string counts_text(const NonFinite& counts) {
  std::vector<std::string> parts;
  if (counts.num_nan > 0) parts.push_back(fmt::format("{} NaN", counts.num_nan));
  if (counts.num_infinite > 0) parts.push_back(fmt::format("{} infinite", counts.num_infinite));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string list_tensors(const NonFiniteTensors& tensors) {
  const size_t shown = std::min(tensors.size(), kMaxListed);
  std::vector<std::string> parts;
  for (size_t i = 0; i < shown; ++i)
    parts.push_back(fmt::format("{}: {}", tensors[i].first, counts_text(tensors[i].second)));
  if (shown < tensors.size()) parts.push_back(fmt::format("{} more", tensors.size() - shown));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string summary(const NonFiniteTensors& tensors) {
  NonFinite total;
  for (const auto& [unused, counts] : tensors) {
    total.num_nan += counts.num_nan;
    total.num_infinite += counts.num_infinite;
  }
  return tensors.empty() ? "all" : "all but " + counts_text(total);
}

}  // namespace

void NonFinite::add(const at::Tensor& values) {
  // One pass tells nearly always; a sum that overflows is only counted for nothing.
  if (std::isfinite(at::sum(values, at::kFloat).item<float>())) return;
  num_nan += at::isnan(values).sum().item<int64_t>();
  num_infinite += at::isinf(values).sum().item<int64_t>();
}

VerifyRow finite_row(const NonFiniteTensors& source, const NonFiniteTensors& result) {
  VerifyRow row{.check = kFiniteCheck,
                .verdict = Verdict::kPass,
                .source = summary(source),
                .result = summary(result),
                .note = {}};
  if (source.empty() && result.empty()) return row;
  row.verdict = Verdict::kFail;
  row.note = source.empty()
                 ? list_tensors(result) +
                       ". The result's type cannot hold the source's values: take bf16 or f32"
                 : list_tensors(source) +
                       ". The source is damaged or its training diverged: fetch it again, or take "
                       "an earlier checkpoint";
  return row;
}

bool same_values(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) return false;
  if (at::equal(a, b)) return true;
  return at::logical_or(at::eq(a, b), at::logical_and(at::isnan(a), at::isnan(b)))
      .all()
      .item<bool>();
}

}  // namespace llm::eval
