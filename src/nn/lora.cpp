#include "llm/nn/lora.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "llm/core/error.h"
#include "nn/random_values.h"

namespace llm::nn {

namespace {

// A parameter of the base; for a tied head the embedding.
at::Tensor base_values(const tensor::ParameterStore& base, const arch::ParameterSpec& spec) {
  const std::string& leaf = spec.fused_name.empty() ? spec.name : spec.fused_name;
  if (const auto blocks = base.quantized_leaf(leaf)) {
    int64_t first = 0;
    for (const tensor::QuantizedPart& part : blocks->parts()) {
      const int64_t rows = part.blocks.size(0);
      if (part.name == spec.name) return blocks->read_rows(first, rows);
      first += rows;
    }
  }
  const bool is_tied_head = spec.name == arch::kHeadName && !base.has_leaf(spec.name);
  return base.weight(is_tied_head ? arch::kEmbeddingName : spec.name);
}

}  // namespace

std::vector<arch::ParameterSpec> lora_parameter_specs(const arch::LoraLayout& layout) {
  std::vector<arch::ParameterSpec> specs;
  const auto add = [&](const arch::LoraModule& module, const char* factor, int64_t rows,
                       int64_t columns) {
    arch::ParameterSpec spec;
    spec.name = module.name + factor;
    spec.shape = {rows, columns};
    spec.layer = module.layer;
    specs.push_back(std::move(spec));
  };
  for (const arch::LoraModule& module : layout.modules) {
    add(module, ".lora_A.weight", module.rank, module.in);
    add(module, ".lora_B.weight", module.out, module.rank);
  }
  specs.insert(specs.end(), layout.saved.begin(), layout.saved.end());
  // As arch::parameter_specs: embedding, block by block, what lies above the blocks.
  const auto place = [](const arch::ParameterSpec& spec) {
    if (spec.layer >= 0) return spec.layer;
    return spec.kind == arch::ParameterKind::kEmbedding ? -1 : std::numeric_limits<int64_t>::max();
  };
  std::stable_sort(specs.begin(), specs.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return specs;
}

LoraInit lora_init(const arch::LoraConfig& config) {
  const io::OrderedJson& given = config.init_lora_weights;
  if (given.is_boolean()) return given.get<bool>() ? LoraInit::kKaimingUniform : LoraInit::kRandom;
  if (given == "gaussian") return LoraInit::kGaussian;
  throw core::ConfigError({.where = "init_lora_weights",
                           .expected = "true, false or \"gaussian\"",
                           .got = given.dump(),
                           .hint = "Other beginnings need data or change the base model."});
}

void initialize_lora(tensor::ParameterStore& store, const arch::LoraLayout& layout, uint64_t seed,
                     LoraInit init) {
  const at::NoGradGuard no_grad;
  for (const arch::LoraModule& module : layout.modules) {
    const std::string a_name = module.name + ".lora_A.weight";
    const std::string b_name = module.name + ".lora_B.weight";
    const at::Tensor a = store.weight(a_name), b = store.weight(b_name);
    const auto rank = static_cast<double>(module.rank);
    if (init == LoraInit::kGaussian) {
      a.copy_(normal_values(a.sizes(), name_key(seed, a_name), 1 / rank));
    } else {
      const double bound = 1 / std::sqrt(static_cast<double>(module.in));
      a.copy_(uniform_values(a.sizes(), name_key(seed, a_name), bound));
    }
    if (init == LoraInit::kRandom) {
      b.copy_(uniform_values(b.sizes(), name_key(seed, b_name), 1 / std::sqrt(rank)));
    } else {
      b.zero_();
    }
  }
}

void copy_saved_parameters(const tensor::ParameterStore& base, const arch::LoraLayout& layout,
                           tensor::ParameterStore& store) {
  const at::NoGradGuard no_grad;
  for (const arch::ParameterSpec& spec : layout.saved) {
    const at::Tensor from = base_values(base, spec).to(store.dtype());
    const at::Tensor to = store.weight(spec.name);
    const int64_t rows = from.size(0);
    to.narrow(0, 0, rows).copy_(from);
    if (rows < to.size(0)) to.narrow(0, rows, to.size(0) - rows).copy_(from.mean(0, true));
  }
}

}  // namespace llm::nn
