#include "llm/convert/weight_source.h"

#include <ATen/ATen.h>

#include "llm/core/check.h"

namespace llm::convert {

int64_t StoredTensor::numel() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

std::optional<StoredBlocks> WeightSource::read_blocks(const std::string& name) const {
  entry(name);
  return std::nullopt;
}

at::Tensor WeightSource::read_rows(const std::string& name, int64_t first, int64_t count) const {
  return read(name).narrow(0, first, count);
}

const StoredTensor& WeightSource::entry(const std::string& name) const {
  const auto found = tensors().find(name);
  LLM_CHECK(found != tensors().end(), "no tensor {} in {}", name, where());
  return found->second;
}

uint64_t WeightSource::data_bytes() const {
  uint64_t bytes = 0;
  for (const auto& [unused, tensor] : tensors()) bytes += tensor.bytes;
  return bytes;
}

at::ScalarType widest_dtype(const WeightSource& source,
                            const std::vector<arch::ParameterSpec>& specs) {
  at::ScalarType widest = source.entry(specs.front().name).dtype;
  for (const arch::ParameterSpec& spec : specs)
    widest = at::promote_types(widest, source.entry(spec.name).dtype);
  return widest == at::kDouble ? at::kFloat : widest;
}

}  // namespace llm::convert
