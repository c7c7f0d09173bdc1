#include "convert/base_fingerprint.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/hash.h"

namespace llm::convert {

uint64_t base_fingerprint(const WeightSource& base, const arch::ModelConfig& config) {
  io::Xxh3 hash;
  for (const arch::ParameterSpec& spec : arch::parameter_specs(config)) {
    const std::string name = fmt::format("{} {}", spec.name, fmt::join(spec.shape, "x"));
    hash.update(std::as_bytes(std::span(name)));
    const at::Tensor values = base.read(spec.name).to(at::kFloat).contiguous();
    hash.update({static_cast<const std::byte*>(values.const_data_ptr()),
                 static_cast<size_t>(values.nbytes())});
  }
  return hash.digest();
}

std::optional<uint64_t> LoraAdapter::base_fingerprint() const {
  const auto found = file_->metadata().find(kBaseFingerprintKey);
  if (found == file_->metadata().end()) return std::nullopt;
  return io::parse_hex64(found->second, (directory_ / kAdapterWeightsName).string());
}

void require_own_base(const LoraAdapter& adapter, const ModelSource& base,
                      const OpenOptions& options) {
  const auto expected = adapter.base_fingerprint();
  if (!expected) {
    if (options.warns)
      core::log_warn(
          "{} does not say which weights it was trained on: {} fits it by names and shapes",
          adapter.directory().string(), base.path.string());
    return;
  }
  const uint64_t found = base_fingerprint(*base.weights, base.config);
  if (found == *expected) return;
  throw core::ConfigError(
      {adapter.directory().string(),
       "the base it was trained on, fingerprint " + io::hex64(*expected),
       fmt::format("other weights at {}, fingerprint {}", base.path.string(), io::hex64(found)),
       "Give the right base: base_model_name_or_path of adapter_config.json, or --base of "
       "llmconvert"});
}

}  // namespace llm::convert
