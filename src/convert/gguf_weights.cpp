#include "convert/gguf_weights.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "convert/rotary_order.h"
#include "llm/arch/gguf.h"
#include "llm/core/check.h"
#include "llm/io/quant.h"

namespace llm::convert {
namespace {

at::ScalarType stored_dtype(io::GgmlType type) {
  if (type == io::GgmlType::kF16) return at::kHalf;
  if (type == io::GgmlType::kBF16) return at::kBFloat16;
  return at::kFloat;
}

bool is_plain(io::GgmlType type) {
  return type == io::GgmlType::kF32 || stored_dtype(type) != at::kFloat;
}

}  // namespace

GgufWeights::GgufWeights(io::GgufModel model, const arch::ModelConfig& config)
    : model_(std::move(model)),
      num_heads_(config.num_attention_heads),
      num_kv_heads_(config.num_key_value_heads),
      interleaved_(arch::gguf_interleaves_rope(config.architecture)) {
  for (const io::GgufTensor& tensor : model_.tensors()) {
    if (tensor.name == arch::kRopeFreqsName) continue;  // part of the config
    io::require_decoder(tensor.type, where() + ": " + tensor.name);
    std::string name = arch::hf_tensor_name(tensor.name);
    if (name.empty()) name = tensor.name;  // for the list of unused ones
    by_name_[name] = &tensor;
    tensors_[name] = {.shape = tensor.shape,
                      .type = io::quant_block(tensor.type).name,
                      .dtype = stored_dtype(tensor.type),
                      .quantized = !is_plain(tensor.type),
                      .bytes = tensor.end - tensor.begin};
  }
}

int64_t GgufWeights::interleaved_heads(const std::string& name) const {
  if (!interleaved_) return 0;
  if (name.find(".q_proj.") != std::string::npos) return num_heads_;
  return name.find(".k_proj.") != std::string::npos ? num_kv_heads_ : 0;
}

at::Tensor GgufWeights::decode(const io::GgufTensor& tensor) const {
  const std::span<const std::byte> bytes = model_.bytes(tensor);
  if (is_plain(tensor.type)) {
    // LibTorch has no read-only tensors; nobody writes to what read() returns.
    return at::from_blob(const_cast<std::byte*>(bytes.data()), tensor.shape,
                         stored_dtype(tensor.type));
  }
  const io::QuantBlock& block = io::quant_block(tensor.type);
  at::Tensor values = at::empty(tensor.shape, at::kFloat);
  auto* out = values.mutable_data_ptr<float>();
  at::parallel_for(0, values.numel() / block.values, 4096, [&](int64_t begin, int64_t end) {
    const auto count = static_cast<size_t>(end - begin);
    io::dequantize(tensor.type,
                   bytes.subspan(static_cast<size_t>(begin * block.bytes),
                                 count * static_cast<size_t>(block.bytes)),
                   {out + begin * block.values, count * static_cast<size_t>(block.values)});
  });
  return values;
}

at::Tensor GgufWeights::read(const std::string& name) const {
  const auto found = by_name_.find(name);
  LLM_CHECK(found != by_name_.end(), "no tensor {} in {}", name, where());
  const at::Tensor values = decode(*found->second);
  const int64_t heads = interleaved_heads(name);
  return heads > 0 ? to_half_split(values, heads) : values;
}

uint64_t GgufWeights::file_bytes() const {
  uint64_t bytes = 0;
  for (const io::GgufFile& shard : model_.shards()) bytes += shard.file().bytes().size();
  return bytes;
}

}  // namespace llm::convert
