#include "llm/eval/logits.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <charconv>
#include <string>

#include "llm/core/error.h"
#include "llm/io/safetensors.h"

namespace llm::eval {
namespace {

int32_t parse_id(std::string_view part) {
  int32_t id = -1;
  const char* end = part.data() + part.size();
  const auto [stop, error] = std::from_chars(part.data(), end, id);
  if (error == std::errc() && stop == end && id >= 0) return id;
  throw core::ConfigError({.where = "--ids",
                           .expected = "token ids separated by commas, for example 1,2,3",
                           .got = fmt::format("\"{}\"", part),
                           .hint = {}});
}

std::span<const std::byte> bytes_of(const at::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.const_data_ptr()),
          static_cast<size_t>(tensor.nbytes())};
}

}  // namespace

std::vector<int32_t> parse_ids(std::string_view text) {
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    ids.push_back(parse_id(text.substr(begin, comma - begin)));
    begin = comma + 1;
  }
  return ids;
}

at::Tensor sequence_logits(nn::CausalLM& model, const std::vector<int32_t>& ids) {
  for (const int32_t id : ids) {
    if (id < model.config().vocab_size) continue;
    throw core::DataError(
        {.where = "--ids",
         .expected = fmt::format("ids below the vocabulary's {}", model.config().vocab_size),
         .got = fmt::format("{}", id),
         .hint = {}});
  }
  const at::NoGradGuard no_grad;
  const auto input = nn::single_document(ids, model.head_weight().device());
  return model.logits(model.forward(input)).to(at::kCPU, at::kFloat).contiguous();
}

void write_logits(const std::filesystem::path& file, const std::vector<int32_t>& ids,
                  const at::Tensor& logits) {
  const auto length = static_cast<int64_t>(ids.size());
  const at::Tensor id_tensor =
      at::tensor(at::ArrayRef<int32_t>(ids), at::kInt).to(at::kLong);  // [T]
  io::SafetensorsWriter writer(
      file,
      {{.name = "ids", .dtype = io::TensorDtype::kI64, .shape = {length}},
       {.name = "logits", .dtype = io::TensorDtype::kF32, .shape = {length, logits.size(1)}}});
  writer.write_next(bytes_of(id_tensor));
  writer.write_next(bytes_of(logits));
  writer.commit();
}

}  // namespace llm::eval
