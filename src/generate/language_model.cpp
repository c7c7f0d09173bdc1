#include "llm/generate/language_model.h"

#include <ATen/core/grad_mode.h>

#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::generate {

namespace {

void check_context_length(const arch::ModelConfig& config, int64_t context_length) {
  const bool grows = config.rope.type == arch::RopeType::kDynamic;
  if (context_length >= 1 && (grows || context_length <= config.max_position_embeddings)) return;
  throw core::ConfigError({"context length",
                           fmt::format("1 to {} tokens", config.max_position_embeddings),
                           fmt::format("{}", context_length),
                           "max_position_embeddings of config.json is the model's limit"});
}

class CachedCausalLM : public LanguageModel {
 public:
  CachedCausalLM(nn::CausalLM& model, int64_t context_length)
      : model_(model),
        cache_(model.config(), context_length,
               at::TensorOptions().dtype(model.compute_dtype()).device(model.store().device())) {}

  int64_t context_length() const override { return cache_.capacity(); }
  const std::vector<int32_t>& ids() const override { return cache_.ids(); }
  void truncate(int64_t length) override { cache_.truncate(length); }
  void append(const std::vector<int32_t>& ids) override { forward(ids); }
  at::Tensor next_logits(const std::vector<int32_t>& ids) override {
    const at::Tensor last = forward(ids).slice(0, -1);  // [1, D]
    const at::NoGradGuard no_grad;
    return model_.logits(last)[0].cpu().contiguous();
  }

 private:
  at::Tensor forward(const std::vector<int32_t>& ids) {  // -> [T, D]
    const at::NoGradGuard no_grad;
    return model_.forward_cached(ids, cache_);
  }

  nn::CausalLM& model_;
  nn::KvCache cache_;
};

}  // namespace

std::unique_ptr<LanguageModel> make_language_model(nn::CausalLM& model, int64_t context_length) {
  check_context_length(model.config(), context_length);
  return std::make_unique<CachedCausalLM>(model, context_length);
}

}  // namespace llm::generate
