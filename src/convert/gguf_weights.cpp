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

const io::GgufTensor& GgufWeights::stored(const std::string& name) const {
  const auto found = by_name_.find(name);
  LLM_CHECK(found != by_name_.end(), "no tensor {} in {}", name, where());
  return *found->second;
}

// In the order of the file.
at::Tensor GgufWeights::decode(const io::GgufTensor& tensor, int64_t first_row,
                               int64_t num_rows) const {
  const std::span<const std::byte> bytes = model_.bytes(tensor);
  if (is_plain(tensor.type)) {
    // LibTorch has no read-only tensors; nobody writes to what read() returns.
    return at::from_blob(const_cast<std::byte*>(bytes.data()), tensor.shape,
                         stored_dtype(tensor.type))
        .narrow(0, first_row, num_rows);
  }
  const io::QuantBlock& block = io::quant_block(tensor.type);
  std::vector<int64_t> shape = tensor.shape;
  if (shape.size() == 1) {  // elements need not begin with a block
    at::Tensor values = at::empty(shape, at::kFloat);
    io::dequantize(tensor.type, bytes,
                   {values.mutable_data_ptr<float>(), static_cast<size_t>(shape[0])});
    return values.narrow(0, first_row, num_rows);
  }
  const int64_t row_blocks = tensor.num_values() / shape[0] / block.values;
  shape[0] = num_rows;
  at::Tensor values = at::empty(shape, at::kFloat);
  auto* out = values.mutable_data_ptr<float>();
  at::parallel_for(0, num_rows * row_blocks, 4096, [&](int64_t begin, int64_t end) {
    const auto count = static_cast<size_t>(end - begin);
    io::dequantize(
        tensor.type,
        bytes.subspan(static_cast<size_t>((first_row * row_blocks + begin) * block.bytes),
                      count * static_cast<size_t>(block.bytes)),
        {out + begin * block.values, count * static_cast<size_t>(block.values)});
  });
  return values;
}

at::Tensor GgufWeights::read(const std::string& name) const {
  return read_rows(name, 0, stored(name).shape[0]);
}

at::Tensor GgufWeights::read_rows(const std::string& name, int64_t first, int64_t count) const {
  const io::GgufTensor& tensor = stored(name);
  const int64_t heads = interleaved_heads(name);
  if (heads == 0) return decode(tensor, first, count);
  const int64_t head_rows = tensor.shape[0] / heads;
  const int64_t first_head = first / head_rows;
  const int64_t num_heads = (first + count + head_rows - 1) / head_rows - first_head;
  const at::Tensor whole = decode(tensor, first_head * head_rows, num_heads * head_rows);
  return to_half_split(whole, num_heads).narrow(0, first - first_head * head_rows, count);
}

std::optional<StoredBlocks> GgufWeights::read_blocks(const std::string& name) const {
  const io::GgufTensor& tensor = stored(name);
  if (is_plain(tensor.type) || tensor.shape.size() != 2) return std::nullopt;
  const std::span<const std::byte> bytes = model_.bytes(tensor);
  const int64_t rows = tensor.shape[0];
  const at::Tensor file =
      at::from_blob(const_cast<std::byte*>(bytes.data()),
                    {rows, static_cast<int64_t>(bytes.size()) / rows}, at::kByte);
  const int64_t heads = interleaved_heads(name);
  return StoredBlocks{tensor.type, heads == 0 ? file.clone() : to_half_split(file, heads)};
}

uint64_t GgufWeights::file_bytes() const {
  uint64_t bytes = 0;
  for (const io::GgufFile& shard : model_.shards()) bytes += shard.file().bytes().size();
  return bytes;
}

}  // namespace llm::convert
