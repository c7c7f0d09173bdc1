// Oracle: peft (scripts/goldens/make_lora.py): logits of the adapter at run time.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/nn/causal_lm.h"
#include "llm/tensor/device.h"
#include "support/paths.h"

namespace llm::convert {
namespace {

class LoraRuntimeTest : public testing::TestWithParam<std::string> {};

void fill_adapter(const LoraAdapter& adapter, tensor::ParameterStore& store) {
  for (const arch::LoraModule& module : adapter.layout().modules) {
    store.weight(module.name + ".lora_A.weight").copy_(adapter.a(module));
    store.weight(module.name + ".lora_B.weight").copy_(adapter.b(module));
  }
  for (const arch::ParameterSpec& spec : adapter.layout().saved)
    store.weight(spec.name).copy_(adapter.saved(spec.name));
}

TEST_P(LoraRuntimeTest, LogitsAreThoseOfPeft) {
  const at::NoGradGuard no_grad;
  const auto directory = test::source_dir() / "tests/golden/lora" / GetParam();
  const io::SafetensorsFile file(directory / "golden.safetensors");
  const at::Tensor expected = tensor::view_of(file, *file.find("logits"));  // [T, V]
  const at::Tensor ids = tensor::view_of(file, *file.find("ids")).to(at::kInt);
  const ModelSource source = open_model(directory);
  const AppliedAdapter& applied = *source.adapter;
  // Frozen: an update of lm_head works where it is not trained.
  tensor::ParameterStore base(arch::parameter_specs(applied.base_config), {.trainable = false});
  load_weights(*applied.base, applied.base_config, base);
  tensor::ParameterStore store(nn::lora_parameter_specs(applied.adapter.layout()),
                               {.trainable = false});
  fill_adapter(applied.adapter, store);
  const nn::LoraWeights weights{
      .layout = applied.adapter.layout(),
      .store = store,
      .ensure_weight_tying = applied.adapter.config().ensure_weight_tying};
  nn::CausalLM model(applied.base_config, base, &weights);
  const std::vector<int32_t> list(ids.const_data_ptr<int32_t>(),
                                  ids.const_data_ptr<int32_t>() + ids.numel());
  const at::Tensor hidden = model.forward(nn::single_document(list, at::kCPU));
  const double scale = at::max(at::abs(expected)).item<double>();
  EXPECT_LE(at::max(at::abs(model.logits(hidden) - expected)).item<double>(), 1e-5 * scale);
  const at::Tensor borrowed = at::linear(hidden, model.head_weight());
  EXPECT_LE(at::max(at::abs(borrowed - expected)).item<double>(), 1e-5 * scale);
  EXPECT_EQ(model.config().vocab_size, source.config.vocab_size);
}

INSTANTIATE_TEST_SUITE_P(Adapters, LoraRuntimeTest,
                         testing::Values("plain", "rslora", "patterns", "regex", "grown",
                                         "grown_tied", "untied", "head", "norms"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace llm::convert
