#include "convert/merged_weights.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "llm/core/check.h"
#include "llm/core/error.h"
#include "llm/tensor/device.h"

namespace llm::convert {
namespace {

bool equal_tables(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && at::equal(a, b);
}

// Whether the merged model can still share one table.
bool stays_tied(const LoraAdapter& adapter, const arch::ModelConfig& base) {
  const arch::ParameterSpec* embedding = adapter.find_saved(arch::kEmbeddingName);
  const arch::ParameterSpec* head = adapter.find_saved(arch::kHeadName);
  if (adapter.find_module(arch::kHeadName)) return false;
  if (!embedding) return !head;
  if (head)
    return equal_tables(adapter.saved(arch::kEmbeddingName), adapter.saved(arch::kHeadName));
  return adapter.config().ensure_weight_tying || embedding->shape[0] != base.vocab_size;
}

double frobenius(const at::Tensor& values) {
  return at::norm(values.to(at::kFloat), 2, at::kDouble).item<double>();
}

// ||B A|| without forming the product: the square is the sum of (B'B) * (A A').
double product_norm(const at::Tensor& a, const at::Tensor& b) {  // [rank, in], [out, rank]
  const at::Tensor wide_a = a.to(at::kDouble);
  const at::Tensor wide_b = b.to(at::kDouble);
  const at::Tensor square = at::sum(at::mm(wide_b.t(), wide_b) * at::mm(wide_a, wide_a.t()));
  return std::sqrt(std::max(0.0, square.item<double>()));
}

// weight [out, in] += scale * b [out, rank] a [rank, in], in the same order of sums for every row
// whatever the rows and threads, so that a tensor read in parts is the tensor, bit for bit.
void add_low_rank(at::Tensor& weight, const at::Tensor& b_stored, const at::Tensor& a_stored,
                  float scale) {
  const at::Tensor b = b_stored.to(at::kFloat).contiguous();
  const at::Tensor a = a_stored.to(at::kFloat).contiguous();
  const int64_t rank = a.size(0);
  const int64_t columns = a.size(1);
  const float* factors = b.const_data_ptr<float>();
  const float* rows = a.const_data_ptr<float>();
  auto* out = weight.mutable_data_ptr<float>();
  at::parallel_for(0, weight.size(0), 16, [&](int64_t begin, int64_t end) {
    std::vector<float> sum(static_cast<size_t>(columns));
    for (int64_t i = begin; i < end; ++i) {
      std::fill(sum.begin(), sum.end(), 0.0F);
      for (int64_t k = 0; k < rank; ++k) {
        const float factor = factors[i * rank + k];
        const float* row = rows + k * columns;
        for (int64_t j = 0; j < columns; ++j) sum[static_cast<size_t>(j)] += factor * row[j];
      }
      float* target = out + i * columns;
      for (int64_t j = 0; j < columns; ++j) target[j] += scale * sum[static_cast<size_t>(j)];
    }
  });
}

double relative(double change, double norm) { return norm > 0 ? change / norm : change; }

// The name under which the base holds a parameter: a tied head is its embedding.
std::string name_in_base(const std::string& parameter, const arch::ModelConfig& base) {
  return parameter == arch::kHeadName && base.tie_word_embeddings ? arch::kEmbeddingName
                                                                  : parameter;
}

LoraChange saved_change(const AppliedAdapter& applied, const arch::ParameterSpec& spec) {
  const std::string name = name_in_base(spec.name, applied.base_config);
  const at::Tensor after = applied.adapter.saved(spec.name).to(at::kFloat);
  if (!applied.base->contains(name)) return {.parameter = spec.name, .relative = frobenius(after)};
  const at::Tensor before = applied.base->read(name).to(at::kFloat);
  const int64_t rows = std::min(before.size(0), after.size(0));
  const double change = frobenius(after.narrow(0, 0, rows) - before.narrow(0, 0, rows));
  return {.parameter = spec.name, .relative = relative(change, frobenius(before))};
}

}  // namespace

at::ScalarType AppliedAdapter::base_dtype() const {
  return widest_dtype(*base, arch::parameter_specs(base_config));
}

std::vector<LoraChange> lora_changes(const AppliedAdapter& applied) {
  const LoraAdapter& adapter = applied.adapter;
  std::vector<LoraChange> changes;
  for (const arch::LoraModule& module : adapter.layout().modules) {
    const std::string name = name_in_base(module.weight_name(), applied.base_config);
    const double change =
        std::abs(module.scale) * product_norm(adapter.a(module), adapter.b(module));
    changes.push_back({.parameter = module.weight_name(),
                       .rank = module.rank,
                       .scale = module.scale,
                       .relative = relative(change, frobenius(applied.base->read(name)))});
  }
  for (const arch::ParameterSpec& spec : adapter.layout().saved)
    changes.push_back(saved_change(applied, spec));
  return changes;
}

arch::ModelConfig merged_config(const LoraAdapter& adapter, const arch::ModelConfig& base,
                                const WeightSource& base_weights) {
  arch::ModelConfig config = base;
  const arch::ParameterSpec* embedding = adapter.find_saved(arch::kEmbeddingName);
  const arch::ParameterSpec* head = adapter.find_saved(arch::kHeadName);
  if (base.tie_word_embeddings) config.tie_word_embeddings = stays_tied(adapter, base);
  const int64_t rows = embedding ? embedding->shape[0] : base.vocab_size;
  const int64_t head_rows = head                         ? head->shape[0]
                            : config.tie_word_embeddings ? rows
                                                         : base.vocab_size;
  if (rows != head_rows) {
    throw core::FormatError(
        {.where = adapter.file().path().string(),
         .expected = fmt::format("as many rows in {} as in {}, with what {} holds", arch::kHeadName,
                                 arch::kEmbeddingName, base_weights.where()),
         .got = fmt::format("{} and {}", head_rows, rows),
         .hint = "An adapter for a vocabulary of another size must store both tables: "
                 "\"modules_to_save\": [\"embed_tokens\", \"lm_head\"]."});
  }
  config.vocab_size = rows;
  return config;
}

MergedWeights::MergedWeights(std::shared_ptr<const AppliedAdapter> applied,
                             const arch::ModelConfig& merged)
    : applied_(std::move(applied)) {
  const bool drops_head = applied_->base_config.tie_word_embeddings;
  for (const auto& [name, unused] : applied_->base->tensors()) {
    // A tied head that the base stores all the same must not outlive a change of the embedding.
    if (!(drops_head && name == arch::kHeadName)) add(name, {.in_base = name});
  }
  if (drops_head && !merged.tie_word_embeddings)
    add(arch::kHeadName, {.in_base = arch::kEmbeddingName});
  for (const arch::ParameterSpec& spec : applied_->adapter.layout().saved)
    if (spec.name != arch::kHeadName || !merged.tie_word_embeddings) add(spec.name, {});
  for (const arch::LoraModule& module : applied_->adapter.layout().modules) {
    const std::string name = module.weight_name();
    if (contains(name)) add(name, {.in_base = parts_.at(name).in_base, .module = &module});
  }
}

void MergedWeights::add(const std::string& name, Part part) {
  StoredTensor tensor;
  if (part.in_base.empty()) {
    const io::TensorEntry& entry = *applied_->adapter.file().find(kAdapterPrefix + name);
    tensor = {.shape = entry.shape,
              .type = io::dtype_name(entry.dtype),
              .dtype = tensor::to_scalar_type(entry.dtype),
              .bytes = entry.end - entry.begin};
  } else {
    tensor = applied_->base->entry(part.in_base);
  }
  if (part.module) {
    tensor = {.shape = tensor.shape, .type = "F32", .dtype = at::kFloat};
    tensor.bytes = static_cast<uint64_t>(tensor.numel()) * sizeof(float);
  }
  tensors_[name] = std::move(tensor);
  parts_[name] = std::move(part);
}

const MergedWeights::Part& MergedWeights::part_of(const std::string& name) const {
  const auto found = parts_.find(name);
  LLM_CHECK(found != parts_.end(), "no tensor {} in {}", name, where());
  return found->second;
}

std::string MergedWeights::where() const {
  return fmt::format("{} on {}", applied_->adapter.directory().string(), applied_->base->where());
}

at::Tensor MergedWeights::read(const std::string& name) const {
  const Part& part = part_of(name);
  if (part.module) return read_rows(name, 0, entry(name).shape[0]);
  return part.in_base.empty() ? applied_->adapter.saved(name) : applied_->base->read(part.in_base);
}

at::Tensor MergedWeights::read_rows(const std::string& name, int64_t first, int64_t count) const {
  const Part& part = part_of(name);
  const LoraAdapter& adapter = applied_->adapter;
  const at::Tensor stored = part.in_base.empty()
                                ? adapter.saved(name).narrow(0, first, count)
                                : applied_->base->read_rows(part.in_base, first, count);
  if (!part.module) return stored;
  at::Tensor merged = stored.to(at::kFloat, /*non_blocking=*/false, /*copy=*/true).contiguous();
  add_low_rank(merged, adapter.b(*part.module).narrow(0, first, count), adapter.a(*part.module),
               static_cast<float>(part.module->scale));
  return merged;
}

uint64_t MergedWeights::file_bytes() const {
  return applied_->base->file_bytes() + std::filesystem::file_size(applied_->adapter.file().path());
}

}  // namespace llm::convert
