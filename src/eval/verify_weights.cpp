// Names, counts, sizes and values of the tensors.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "eval/verify_parts.h"
#include "llm/arch/parameters.h"
#include "llm/core/format.h"
#include "llm/tensor/device.h"

namespace llm::eval {
namespace {

constexpr int64_t kChunkElements = int64_t{1} << 24;

int64_t count_in_files(const VerifySide& side) {
  int64_t count = 0;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(side.config)) {
    if (side.weights->contains(spec.name)) count += side.weights->view(spec.name).numel();
  }
  return count;
}

VerifyRow parameter_counts(const VerifySide& source, const VerifySide& result) {
  const auto text = [](int64_t formula, int64_t files) {
    return formula == files ? fmt::format("{}", formula)
                            : fmt::format("{} by config, {} in files", formula, files);
  };
  const int64_t formula = arch::num_parameters(source.config);
  VerifyRow row = compare_text("parameters", text(formula, count_in_files(source)),
                               text(arch::num_parameters(result.config), count_in_files(result)));
  if (row.result != fmt::format("{}", formula)) row.verdict = Verdict::kFail;
  return row;
}

VerifyRow tensor_names(const VerifySide& source, const VerifySide& result) {
  const auto text = [](const VerifySide& side) {
    const convert::WeightMismatch mismatch = convert::compare_weights(*side.weights, side.config);
    return mismatch.empty() ? fmt::format("exactly the {} of its config",
                                          arch::parameter_specs(side.config).size())
                            : convert::describe(mismatch);
  };
  VerifyRow row = compare_text("tensor names and shapes", text(source), text(result));
  const bool strict = convert::compare_weights(*source.weights, source.config).empty() &&
                      convert::compare_weights(*result.weights, result.config).empty();
  if (!strict) row.verdict = Verdict::kFail;
  return row;
}

std::set<std::string> dtypes_of(const VerifySide& side) {
  std::set<std::string> dtypes;
  for (const std::string& name : side.weights->names()) {
    dtypes.insert(c10::toString(tensor::to_scalar_type(side.weights->entry(name).dtype)));
  }
  return dtypes;
}

std::string dtype_text(const VerifySide& side) {
  return fmt::format("{} in config, {} in files", side.config.dtype,
                     fmt::join(dtypes_of(side), " "));
}

at::ScalarType config_dtype(const arch::ModelConfig& config) {
  if (config.dtype == "bfloat16") return at::kBFloat16;
  if (config.dtype == "float16") return at::kHalf;
  return at::kFloat;
}

// A different dtype is what a conversion may want; one that contradicts config.json is not.
VerifyRow stored_dtype(const VerifySide& source, const VerifySide& result) {
  const std::set<std::string> expected = {c10::toString(config_dtype(result.config))};
  return {.check = "stored dtype",
          .verdict = dtypes_of(result) == expected ? Verdict::kPass : Verdict::kFail,
          .source = dtype_text(source),
          .result = dtype_text(result),
          .note = {}};
}

// Data must be parameters x bytes per element; a tied head stored twice or a truncated export shows
// here.
VerifyRow file_size(const VerifySide& source, const VerifySide& result) {
  const auto text = [](const VerifySide& side) {
    return core::format_bytes(side.weights->file_bytes());
  };
  const auto expected = static_cast<uint64_t>(arch::num_parameters(result.config)) *
                        c10::elementSize(config_dtype(result.config));
  const uint64_t found = result.weights->data_bytes();
  VerifyRow row{.check = "file size",
                .verdict = found == expected ? Verdict::kPass : Verdict::kFail,
                .source = text(source),
                .result = text(result),
                .note = {}};
  if (found != expected) {
    row.note = fmt::format("parameters x dtype are {} bytes, stored are {}", expected, found);
  }
  return row;
}

// The largest |rounded a - b|; NaN when either holds one. Works in chunks.
double largest_difference(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor flat_a = a.reshape({-1});
  const at::Tensor flat_b = b.reshape({-1});
  double largest = 0;
  for (int64_t begin = 0; begin < flat_a.numel(); begin += kChunkElements) {
    const int64_t length = std::min(kChunkElements, flat_a.numel() - begin);
    const at::Tensor part_b = flat_b.narrow(0, begin, length);
    const at::Tensor part_a = flat_a.narrow(0, begin, length).to(part_b.scalar_type());
    if (at::equal(part_a, part_b)) continue;
    const double difference =
        at::max(at::abs(part_a.to(at::kDouble) - part_b.to(at::kDouble))).item<double>();
    if (std::isnan(difference)) return difference;
    largest = std::max(largest, difference);
  }
  return largest;
}

struct ValueComparison {
  int64_t num_compared = 0;
  int64_t num_equal = 0;
  std::string first_different;
  double difference = 0;  // of that tensor
};

ValueComparison compare_values(const VerifySide& source, const VerifySide& result) {
  ValueComparison comparison;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(source.config)) {
    if (!source.weights->contains(spec.name) || !result.weights->contains(spec.name)) continue;
    const at::Tensor a = source.weights->view(spec.name);
    const at::Tensor b = result.weights->view(spec.name);
    if (a.sizes() != b.sizes()) continue;
    ++comparison.num_compared;
    const double difference = largest_difference(a, b);
    if (difference == 0) {
      ++comparison.num_equal;
    } else if (comparison.first_different.empty()) {
      comparison.first_different = spec.name;
      comparison.difference = difference;
    }
  }
  return comparison;
}

VerifyRow tensor_values(const VerifySide& source, const VerifySide& result) {
  const ValueComparison comparison = compare_values(source, result);
  const auto expected = static_cast<int64_t>(arch::parameter_specs(source.config).size());
  VerifyRow row{.check = "tensor values",
                .verdict = comparison.num_equal == expected ? Verdict::kPass : Verdict::kFail,
                .source = fmt::format("{} tensors", expected),
                .result = fmt::format("{} equal", comparison.num_equal),
                .note = {}};
  if (dtypes_of(source) != dtypes_of(result)) row.note = "source rounded to the result's dtype";
  if (!comparison.first_different.empty()) {
    row.note = fmt::format("{} differs by up to {:.3g}", comparison.first_different,
                           comparison.difference);
  }
  return row;
}

}  // namespace

std::vector<VerifyRow> verify_weights(const VerifySide& source, const VerifySide& result) {
  return {parameter_counts(source, result), tensor_names(source, result),
          stored_dtype(source, result), file_size(source, result), tensor_values(source, result)};
}

}  // namespace llm::eval
