#include "llm/io/gguf_writer.h"

#include <bit>

#include "llm/core/arith.h"
#include "llm/core/check.h"

namespace llm::io {
namespace {

constexpr uint32_t kWrittenVersion = 3;
constexpr size_t kLongestKey = 65535;
constexpr size_t kLongestName = 63;
constexpr size_t kMostDimensions = 4;
constexpr std::string_view kAlignment = "general.alignment";

std::string describe_tensor(const GgufTensor& tensor) {
  std::string out;
  gguf_encoding::append(out, tensor.name);
  gguf_encoding::append(out, static_cast<uint32_t>(tensor.shape.size()));
  for (auto dimension = tensor.shape.rbegin(); dimension != tensor.shape.rend(); ++dimension) {
    gguf_encoding::append(out, static_cast<uint64_t>(*dimension));
  }
  gguf_encoding::append(out, static_cast<uint32_t>(tensor.type));
  gguf_encoding::append(out, tensor.begin);
  return out;
}

void check_tensor(const GgufTensor& tensor) {
  LLM_CHECK(!tensor.name.empty() && tensor.name.size() <= kLongestName, "tensor name {}",
            tensor.name);
  LLM_CHECK(tensor.shape.size() <= kMostDimensions, "{}: {} dimensions", tensor.name,
            tensor.shape.size());
  const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  LLM_CHECK(row % quant_block(tensor.type).values == 0, "{}: rows of {} values for {}", tensor.name,
            row, quant_block(tensor.type).name);
}

}  // namespace

void GgufMetadata::add(std::string_view key, GgufType type, bool is_alignment) {
  LLM_CHECK(!key.empty() && key.size() <= kLongestKey, "a key of {} bytes", key.size());
  LLM_CHECK(keys_.emplace(key).second, "key {} is set", key);
  LLM_CHECK(key != kAlignment || is_alignment, "{} has its own setter", key);
  gguf_encoding::append(bytes_, key);
  gguf_encoding::append(bytes_, static_cast<uint32_t>(type));
}

void GgufMetadata::set(std::string_view key, const GgufValue& value) {
  add(key, value.type());
  const auto bytes = value.bytes();
  bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void GgufMetadata::set_alignment(uint32_t alignment) {
  LLM_CHECK(std::has_single_bit(alignment) && alignment >= 8, "alignment {}", alignment);
  add(kAlignment, GgufType::kU32, true);
  gguf_encoding::append(bytes_, alignment);
  alignment_ = alignment;
}

GgufWriter::GgufWriter(const std::filesystem::path& path, const GgufMetadata& metadata,
                       std::vector<GgufTensor> tensors)
    : file_(path), tensors_(std::move(tensors)), alignment_(metadata.alignment()) {
  std::string head = "GGUF";
  gguf_encoding::append(head, kWrittenVersion);
  gguf_encoding::append(head, uint64_t{tensors_.size()});
  gguf_encoding::append(head, metadata.size());
  head += metadata.bytes();
  std::unordered_set<std::string> names;
  uint64_t at = 0;
  for (GgufTensor& tensor : tensors_) {
    check_tensor(tensor);
    LLM_CHECK(names.insert(tensor.name).second, "tensor name {} is taken", tensor.name);
    tensor.begin = at;
    tensor.end = at + quant_bytes(tensor.type, static_cast<uint64_t>(tensor.num_values()));
    at = core::round_up(tensor.end, alignment_);
    head += describe_tensor(tensor);
  }
  file_.write(head);
  pad();
}

void GgufWriter::pad() {
  const std::string zeros(core::round_up(file_.size(), alignment_) - file_.size(), '\0');
  if (!zeros.empty()) file_.write(zeros);
}

void GgufWriter::write_next(std::span<const std::byte> bytes) {
  LLM_CHECK(next_ < tensors_.size(), "all {} tensors were written", tensors_.size());
  const GgufTensor& tensor = tensors_[next_];
  LLM_CHECK(bytes.size() == tensor.end - tensor.begin, "{}: {} bytes for a tensor of {}",
            tensor.name, bytes.size(), tensor.end - tensor.begin);
  file_.write(bytes);
  pad();
  ++next_;
}

void GgufWriter::commit() {
  LLM_CHECK(next_ == tensors_.size(), "{} of {} tensors were written", next_, tensors_.size());
  file_.commit();
}

}  // namespace llm::io
