#include "llm/eval/packed_input.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "llm/core/check.h"

namespace llm::eval {
namespace {

at::Tensor to_device(std::vector<int32_t>& values, at::Device device) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())}, at::kInt)
      .to(device, at::kInt, /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

nn::ModelInput packed_input(const std::vector<std::span<const int32_t>>& sequences,
                            at::Device device) {
  LLM_CHECK(!sequences.empty());
  std::vector<int32_t> ids;
  std::vector<int32_t> positions;
  std::vector<int32_t> cu_seqlens = {0};
  nn::ModelInput input;
  for (const auto& sequence : sequences) {
    LLM_CHECK(!sequence.empty());
    const auto length = static_cast<int32_t>(sequence.size());
    ids.insert(ids.end(), sequence.begin(), sequence.end());
    for (int32_t i = 0; i < length; ++i) positions.push_back(i);
    cu_seqlens.push_back(static_cast<int32_t>(ids.size()));
    input.document_lengths.push_back(length);
    input.max_seqlen = std::max<int64_t>(input.max_seqlen, length);
  }
  input.ids = to_device(ids, device);
  input.positions = to_device(positions, device);
  input.cu_seqlens = to_device(cu_seqlens, device);
  return input;
}

}  // namespace llm::eval
