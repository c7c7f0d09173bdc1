#include "train/tune_model.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "llm/convert/frozen_store.h"
#include "llm/convert/lora_adapter.h"
#include "llm/convert/model_directory.h"
#include "llm/core/error.h"
#include "llm/train/checkpoint.h"
#include "train/optimizer_files.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

bool is_same_layout(const arch::LoraLayout& a, const arch::LoraLayout& b) {
  const auto same_module = [](const arch::LoraModule& x, const arch::LoraModule& y) {
    return x.name == y.name && x.rank == y.rank && x.scale == y.scale;
  };
  const auto same_parameter = [](const arch::ParameterSpec& x, const arch::ParameterSpec& y) {
    return x.name == y.name && x.shape == y.shape;
  };
  return std::ranges::equal(a.modules, b.modules, same_module) &&
         std::ranges::equal(a.saved, b.saved, same_parameter);
}

// Throws: ConfigError when the directory holds another adapter than the config describes.
void load_adapter(const fs::path& directory, const arch::ModelConfig& base,
                  const TunedModel& tuned) {
  const at::NoGradGuard no_grad;
  const convert::LoraAdapter saved(
      directory, arch::read_lora_config(directory / convert::kAdapterConfigName), base);
  if (saved.base_fingerprint().value_or(tuned.base_fingerprint) != tuned.base_fingerprint) {
    throw core::ConfigError({directory.string(), "an adapter for the weights of model.path",
                             "one that was trained on others", "Name its base as model.path"});
  }
  if (!is_same_layout(saved.layout(), tuned.lora.layout)) {
    throw core::ConfigError(
        {"lora", "the r, alpha, rslora, targets and modules_to_save of " + directory.string(),
         "others", "Take them over from its adapter_config.json"});
  }
  for (const auto& module : tuned.lora.layout.modules) {
    tuned.adapter->weight(module.name + ".lora_A.weight").copy_(saved.a(module));
    tuned.adapter->weight(module.name + ".lora_B.weight").copy_(saved.b(module));
  }
  for (const auto& spec : tuned.lora.layout.saved)
    tuned.adapter->weight(spec.name).copy_(saved.saved(spec.name));
}

void add_adapter(const TuneConfig& config, const TuneInputs& inputs, const SessionOptions& options,
                 TunedModel& tuned) {
  tuned.lora = describe_adapter(config, inputs);
  tuned.base_fingerprint = convert::base_fingerprint(*inputs.source.weights, inputs.source.config);
  const arch::LoraLayout& layout = tuned.lora.layout;
  tuned.adapter = std::make_unique<tensor::ParameterStore>(
      nn::lora_parameter_specs(layout), tensor::StoreOptions{.device = options.device});
  nn::initialize_lora(*tuned.adapter, layout, static_cast<uint64_t>(config.train.seed),
                      nn::lora_init(tuned.lora.config));
  nn::copy_saved_parameters(*tuned.base, layout, *tuned.adapter);
  if (!config.lora.init_from.empty()) {
    load_adapter(convert::resolve_model_directory(config.lora.init_from), inputs.source.config,
                 tuned);
  }
}

at::ScalarType frozen_dtype(const TuneConfig& config, const TuneInputs& inputs) {
  switch (config.lora.base_dtype) {
    case BaseDtype::kFloat32:
      return at::kFloat;
    case BaseDtype::kBFloat16:
      return at::kBFloat16;
    case BaseDtype::kStored:
      return convert::widest_dtype(*inputs.source.weights,
                                   arch::parameter_specs(inputs.source.config));
  }
  return at::kFloat;
}

std::unique_ptr<tensor::ParameterStore> load_base(const TuneConfig& config,
                                                  const TuneInputs& inputs,
                                                  const SessionOptions& options) {
  const arch::ModelConfig& model = inputs.source.config;
  const convert::WeightSource& weights = *inputs.source.weights;
  const bool is_trained = config.lora.r == 0;
  const tensor::StoreOptions store{.device = options.device,
                                   .dtype = is_trained ? at::kFloat : frozen_dtype(config, inputs),
                                   .trainable = is_trained,
                                   .release_gradients = config.train.release_memory};
  if (!is_trained && config.lora.base_dtype == BaseDtype::kStored && options.device.is_cpu())
    return convert::load_frozen_store(weights, model, store);
  auto base = std::make_unique<tensor::ParameterStore>(arch::parameter_specs(model), store);
  convert::load_weights(weights, model, *base);
  return base;
}

}  // namespace

TunedModel make_tuned_model(const TuneConfig& config, const TuneInputs& inputs,
                            const SessionOptions& options) {
  const bool has_adapter = config.lora.r > 0;
  const arch::ModelConfig& model = inputs.source.config;
  TunedModel tuned;
  tuned.base = load_base(config, inputs, options);
  if (has_adapter) {
    add_adapter(config, inputs, options, tuned);
    const nn::LoraWeights weights{tuned.lora.layout, *tuned.adapter, config.lora.dropout,
                                  tuned.lora.config.ensure_weight_tying};
    tuned.model = std::make_unique<nn::CausalLM>(model, *tuned.base, &weights);
  } else {
    tuned.model = std::make_unique<nn::CausalLM>(model, *tuned.base);
  }
  tuned.model->set_recompute(config.train.recompute);
  return tuned;
}

void prepare_training(TunedModel& tuned, const arch::ModelConfig& base,
                      const std::optional<ResumePoint>& resume, const SessionOptions& options,
                      const DistSection& dist) {
  if (resume && tuned.adapter) {
    load_adapter(resume->checkpoint, base, tuned);
  } else if (resume) {
    convert::load_weights(convert::WeightFiles(resume->checkpoint), base, *tuned.base);
  }
  optim::allocate_training_state(tuned.trained(), *options.group, dist.reduction());
  if (resume && options.restore.optimizer) load_optimizer(resume->checkpoint, tuned.trained());
}

ModelFiles tuned_model_files(const TunedModel& tuned, const TuneInputs& inputs) {
  const convert::ModelSource& source = inputs.source;
  if (!tuned.adapter) {
    return {.create =
                [&](const fs::path& directory, int64_t max_file_bytes) {
                  convert::save_model(directory, tuned.model->config(), convert::TensorSource(),
                                      source.tokenizer.get(), source.generation,
                                      inputs.chat_template, {.max_shard_bytes = max_file_bytes});
                },
            .tensor_names = [](const std::string& name) { return std::vector{name}; }};
  }
  const convert::SavedAdapter adapter{.config = tuned.lora.config,
                                      .tensors = convert::adapter_tensors(tuned.lora.layout),
                                      .values = {},
                                      .base_fingerprint = tuned.base_fingerprint};
  return {
      .create =
          [&, adapter](const fs::path& directory, int64_t) {
            convert::save_adapter(directory, adapter);
            convert::save_companions(directory, source.tokenizer.get(), source.generation,
                                     inputs.chat_template);
          },
      .tensor_names =
          [adapter](const std::string& name) { return convert::names_in_adapter(adapter, name); }};
}

}  // namespace llm::train
