// Names, counts, sizes and values of the tensors.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "eval/finite_values.h"
#include "eval/verify_parts.h"
#include "llm/arch/parameters.h"
#include "llm/core/format.h"

namespace llm::eval {
namespace {

constexpr int64_t kChunkElements = int64_t{1} << 22;

int64_t count_in_files(const VerifySide& side) {
  int64_t count = 0;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(side.config)) {
    if (side.weights->contains(spec.name)) count += side.weights->entry(spec.name).numel();
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

// "61 F32, 211 Q8_0"
std::string types_text(const VerifySide& side) {
  std::map<std::string, int> counts;
  for (const auto& [unused, tensor] : side.weights->tensors()) ++counts[tensor.type];
  std::vector<std::string> parts;
  for (const auto& [type, count] : counts) parts.push_back(fmt::format("{} {}", count, type));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string dtype_text(const VerifySide& side) {
  return side.format == convert::ModelFormat::kHuggingFace
             ? fmt::format("{} in config, {}", side.config.dtype, types_text(side))
             : types_text(side);
}

at::ScalarType config_dtype(const arch::ModelConfig& config) {
  if (config.dtype == "bfloat16") return at::kBFloat16;
  if (config.dtype == "float16") return at::kHalf;
  return at::kFloat;
}

// Another type is what a conversion may want; one that contradicts config.json is not.
VerifyRow stored_dtype(const VerifySide& source, const VerifySide& result) {
  VerifyRow row{.check = "stored types",
                .verdict = Verdict::kPass,
                .source = dtype_text(source),
                .result = dtype_text(result),
                .note = {}};
  if (result.format != convert::ModelFormat::kHuggingFace) return row;
  for (const auto& [unused, tensor] : result.weights->tensors()) {
    if (tensor.dtype != config_dtype(result.config)) row.verdict = Verdict::kFail;
  }
  return row;
}

// Data must be parameters x bits of their types; a tied head stored twice or a truncated export
// shows here.
VerifyRow file_size(const VerifySide& source, const VerifySide& result) {
  const auto text = [](const VerifySide& side) {
    return fmt::format("{}, {:.2f} bits per weight", core::format_bytes(side.weights->file_bytes()),
                       8.0 * static_cast<double>(side.weights->data_bytes()) /
                           static_cast<double>(arch::num_parameters(side.config)));
  };
  uint64_t expected = 0;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(result.config)) {
    if (!result.weights->contains(spec.name)) continue;
    const convert::StoredTensor& tensor = result.weights->entry(spec.name);
    expected +=
        tensor.quantized || result.format != convert::ModelFormat::kHuggingFace
            ? tensor.bytes
            : static_cast<uint64_t>(spec.numel()) * c10::elementSize(config_dtype(result.config));
  }
  const uint64_t found = result.weights->data_bytes();
  VerifyRow row{.check = "file size",
                .verdict = found == expected ? Verdict::kPass : Verdict::kFail,
                .source = text(source),
                .result = text(result),
                .note = {}};
  if (found != expected) {
    row.note = fmt::format("the config's tensors are {} bytes, stored are {}", expected, found);
  }
  return row;
}

// Calls visit(a, b) for parts of a tensor that both have with the same shape.
template <class Visit>
void for_parts(const std::string& name, const VerifySide& a, const VerifySide& b, Visit&& visit) {
  const convert::StoredTensor& tensor = a.weights->entry(name);
  const int64_t rows = tensor.shape.empty() ? 1 : tensor.shape[0];
  const int64_t row_elements = std::max<int64_t>(1, tensor.numel() / std::max<int64_t>(1, rows));
  const int64_t step = std::max<int64_t>(1, kChunkElements / row_elements);
  for (int64_t first = 0; first < rows; first += step) {
    const int64_t count = std::min(step, rows - first);
    visit(a.weights->read_rows(name, first, count), b.weights->read_rows(name, first, count));
  }
}

struct FiniteCounts {
  NonFinite source, result;

  void add(const at::Tensor& of_source, const at::Tensor& of_result) {
    source.add(of_source);
    result.add(of_result);
  }
};

// The largest |rounded a - b|; NaN when only one of a pair is.
double largest_difference(const std::string& name, const VerifySide& a, const VerifySide& b,
                          FiniteCounts& counts) {
  double largest = 0;
  for_parts(name, a, b, [&](const at::Tensor& of_a, const at::Tensor& of_b) {
    counts.add(of_a, of_b);
    const at::Tensor rounded = of_a.to(of_b.scalar_type());
    if (std::isnan(largest) || same_values(rounded, of_b)) return;
    const double difference =
        at::max(at::abs(rounded.to(at::kDouble) - of_b.to(at::kDouble))).item<double>();
    if (!(difference <= largest)) largest = difference;
  });
  return largest;
}

struct ValueComparison {
  int64_t num_equal = 0;        // bit for bit, after rounding to the result's dtype
  int64_t num_quantized = 0;    // within their type's bound
  double largest_rmse = 0;      // relative, over the quantised ones
  std::string first_different;  // by name, with how far it is off
  NonFiniteTensors source_not_finite, result_not_finite;

  void add(const std::string& name, const FiniteCounts& counts) {
    if (counts.source.any()) source_not_finite.emplace_back(name, counts.source);
    if (counts.result.any()) result_not_finite.emplace_back(name, counts.result);
  }
};

// ||a - b|| / ||a||; the plain norm of b where a is zero.
double relative_rmse(const std::string& name, const VerifySide& a, const VerifySide& b,
                     FiniteCounts& counts) {
  double difference = 0;
  double norm = 0;
  for_parts(name, a, b, [&](const at::Tensor& of_a, const at::Tensor& of_b) {
    counts.add(of_a, of_b);
    const at::Tensor exact = of_a.to(at::kFloat);
    difference += at::sum(at::square(exact - of_b.to(at::kFloat)), at::kDouble).item<double>();
    norm += at::sum(at::square(exact), at::kDouble).item<double>();
  });
  return norm > 0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

void compare_quantized(const std::string& name, const VerifySide& source, const VerifySide& result,
                       ValueComparison& comparison) {
  FiniteCounts counts;
  const double rmse = relative_rmse(name, source, result, counts);
  comparison.add(name, counts);
  const double bound = quantization_bound(result.weights->entry(name)).relative_rmse;
  if (rmse <= bound) {
    ++comparison.num_quantized;
    comparison.largest_rmse = std::max(comparison.largest_rmse, rmse);
  } else if (comparison.first_different.empty()) {
    comparison.first_different = fmt::format("{} is off by {:.3g} of its norm, {} may cost {:.3g}",
                                             name, rmse, result.weights->entry(name).type, bound);
  }
}

void compare_exact(const std::string& name, const VerifySide& source, const VerifySide& result,
                   ValueComparison& comparison) {
  FiniteCounts counts;
  const double difference = largest_difference(name, source, result, counts);
  comparison.add(name, counts);
  if (difference == 0) {
    ++comparison.num_equal;
  } else if (comparison.first_different.empty()) {
    comparison.first_different = fmt::format("{} differs by up to {:.3g}", name, difference);
  }
}

ValueComparison compare_values(const VerifySide& source, const VerifySide& result) {
  ValueComparison comparison;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(source.config)) {
    if (!source.weights->contains(spec.name) || !result.weights->contains(spec.name)) continue;
    const convert::StoredTensor& a = source.weights->entry(spec.name);
    const convert::StoredTensor& b = result.weights->entry(spec.name);
    if (a.shape != b.shape) continue;
    const auto compare = b.quantized ? compare_quantized : compare_exact;
    compare(spec.name, source, result, comparison);
  }
  return comparison;
}

bool same_types(const VerifySide& source, const VerifySide& result) {
  return types_text(source) == types_text(result);
}

VerifyRow tensor_values(const VerifySide& source, const VerifySide& result,
                        const ValueComparison& comparison) {
  const auto expected = static_cast<int64_t>(arch::parameter_specs(source.config).size());
  const bool all = comparison.num_equal + comparison.num_quantized == expected;
  VerifyRow row{.check = "tensor values",
                .verdict = all ? Verdict::kPass : Verdict::kFail,
                .source = fmt::format("{} tensors", expected),
                .result = fmt::format("{} equal", comparison.num_equal),
                .note = {}};
  if (!same_types(source, result)) row.note = "source rounded to the result's types";
  if (comparison.num_quantized > 0) {
    row.result += fmt::format(", {} quantised", comparison.num_quantized);
    row.note = fmt::format("off by at most {:.3g} of a tensor's norm", comparison.largest_rmse);
  }
  if (!comparison.first_different.empty()) row.note = comparison.first_different;
  return row;
}

}  // namespace

// Twice what uniform steps cost Gaussian values in blocks of that width, which every trained tensor
// we saw stays under; a tensor of the wrong name, order or scale is off by half its norm and more.
QuantizationBound quantization_bound(const convert::StoredTensor& tensor) {
  const double bits = 8.0 * static_cast<double>(tensor.bytes) / static_cast<double>(tensor.numel());
  if (bits > 8) return {.relative_rmse = 0.02, .perplexity_drift = 0.01};
  if (bits > 6.1) return {.relative_rmse = 0.05, .perplexity_drift = 0.03};
  if (bits > 5.1) return {.relative_rmse = 0.10, .perplexity_drift = 0.08};
  if (bits > 4) return {.relative_rmse = 0.20, .perplexity_drift = 0.25};
  return {.relative_rmse = 0.50, .perplexity_drift = 1.0};
}

std::vector<VerifyRow> verify_weights(const VerifySide& source, const VerifySide& result) {
  const ValueComparison comparison = compare_values(source, result);
  return {parameter_counts(source, result),
          tensor_names(source, result),
          stored_dtype(source, result),
          file_size(source, result),
          tensor_values(source, result, comparison),
          finite_row(comparison.source_not_finite, comparison.result_not_finite)};
}

}  // namespace llm::eval
