#include "io/gguf_parser.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>

#include "llm/core/arith.h"
#include "llm/core/error.h"

namespace llm::io {
namespace {

constexpr uint64_t kMaxKeyLength = 65535;
constexpr uint64_t kMaxNameLength = 64;
constexpr uint32_t kMaxDimensions = 4;
constexpr uint64_t kMaxCount = uint64_t{1} << 20;  // of entries, and of tensors
constexpr uint64_t kLeastEntry = 8 + 1 + 4 + 1;
constexpr uint64_t kLeastTensor = 8 + 1 + 4 + 4 + 8;
const char* const kAlignmentKey = "general.alignment";

}  // namespace

GgufValue GgufParser::make_value(GgufType type, std::span<const std::byte> bytes,
                                 std::string_view key, const std::string& file) {
  GgufValue value;
  value.type_ = type;
  value.bytes_ = bytes;
  value.key_ = key;
  value.file_ = &file;
  return value;
}

void GgufParser::parse() {
  parse_version();
  const Counts counts = parse_counts();
  for (uint64_t i = 0; i < counts.entries; ++i) parse_entry();
  cursor_.set_context({});
  parse_alignment();
  for (uint64_t i = 0; i < counts.tensors; ++i) parse_tensor();
  cursor_.set_context({});
  check_data();
}

void GgufParser::parse_version() {
  if (cursor_.left() < 4 || cursor_.read<uint32_t>("a magic") != 0x46554747) {
    cursor_.fail(0, "a GGUF file, which begins with \"GGUF\"", "other bytes",
                 "Older formats (ggml, ggjt) and other archives are not read; take the model's "
                 ".gguf file");
  }
  file_.version_ = cursor_.read<uint32_t>("a version");
  if ((file_.version_ & 0xFFFF) == 0 && file_.version_ != 0) {
    cursor_.fail(4, "a little-endian GGUF file", "a big-endian one",
                 "Convert it with gguf_convert_endian.py of llama.cpp, or take the little-endian "
                 "file of the model");
  }
  if (file_.version_ != 2 && file_.version_ != 3) {
    cursor_.fail(4, "GGUF version 2 or 3", fmt::format("version {}", file_.version_),
                 "Convert the model again with a current llama.cpp");
  }
}

GgufParser::Counts GgufParser::parse_counts() {
  const uint64_t position = cursor_.position();
  Counts counts;
  counts.tensors = cursor_.read<uint64_t>("a count of tensors");
  counts.entries = cursor_.read<uint64_t>("a count of metadata entries");
  const bool is_possible =
      counts.tensors <= kMaxCount && counts.entries <= kMaxCount &&
      counts.tensors * kLeastTensor + counts.entries * kLeastEntry <= cursor_.left();
  if (!is_possible) {
    cursor_.fail(position, fmt::format("counts that fit the {} bytes left", cursor_.left()),
                 fmt::format("{} tensors and {} metadata entries", counts.tensors, counts.entries),
                 "The file is damaged or was cut short; fetch it again");
  }
  return counts;
}

void GgufParser::parse_entry() {
  const uint64_t position = cursor_.position();
  cursor_.set_context({});
  const std::string_view key = cursor_.read_name("a key", kMaxKeyLength);
  cursor_.set_context(key);
  if (!file_.entry_index_.emplace(key, file_.entries_.size()).second) {
    cursor_.fail(position, "every key once", fmt::format("{} again", key));
  }
  const GgufType type = cursor_.read_type("a value type");
  const auto bytes = cursor_.read_value(type);
  file_.entries_.push_back({key, make_value(type, bytes, key, *file_.name_)});
}

void GgufParser::parse_alignment() {
  const GgufValue* value = file_.find(kAlignmentKey);
  if (value == nullptr) return;
  if (value->type() != GgufType::kU32 || !std::has_single_bit(value->as_uint())) {
    throw core::FormatError({.where = fmt::format("{}: {}", *file_.name_, kAlignmentKey),
                             .expected = "a u32 that is a power of two",
                             .got = value->type() == GgufType::kU32
                                        ? std::to_string(value->as_uint())
                                        : gguf_type_name(value->type())});
  }
  file_.alignment_ = value->as_uint();
}

std::vector<int64_t> GgufParser::parse_shape() {
  const uint64_t position = cursor_.position();
  const auto dimensions = cursor_.read<uint32_t>("a number of dimensions");
  if (dimensions > kMaxDimensions) {
    cursor_.fail(position, fmt::format("at most {} dimensions", kMaxDimensions),
                 std::to_string(dimensions));
  }
  std::vector<int64_t> shape(dimensions);
  for (auto dimension = shape.rbegin(); dimension != shape.rend(); ++dimension) {
    const auto size = cursor_.read<uint64_t>("a dimension");
    if (!std::in_range<int64_t>(size)) {
      cursor_.fail(cursor_.position() - 8, "a dimension below 2^63", std::to_string(size));
    }
    *dimension = static_cast<int64_t>(size);
  }
  return shape;
}

void GgufParser::parse_tensor() {
  const uint64_t position = cursor_.position();
  cursor_.set_context({});
  GgufTensor tensor;
  const std::string_view name = cursor_.read_name("a tensor's name", kMaxNameLength);
  cursor_.set_context(name);
  tensor.name = name;
  if (!file_.tensor_index_.emplace(tensor.name, file_.tensors_.size()).second) {
    cursor_.fail(position, "every tensor once", fmt::format("{} again", name));
  }
  tensor.shape = parse_shape();
  const uint64_t type_position = cursor_.position();
  const auto type = cursor_.read<uint32_t>("a tensor's type");
  const QuantBlock* block = find_quant_block(type);
  if (block == nullptr) {
    cursor_.fail(type_position, "a known GGML type", fmt::format("number {}", type),
                 "Take another quantisation of the model, such as Q8_0 or Q4_K_M");
  }
  tensor.type = block->type;
  tensor.begin = cursor_.read<uint64_t>("a tensor's offset");
  place_tensor(tensor, position);
  file_.tensors_.push_back(std::move(tensor));
}

// Computes the end; whether the file holds it is known only when the data section's start is.
void GgufParser::place_tensor(GgufTensor& tensor, uint64_t position) {
  const QuantBlock& block = quant_block(tensor.type);
  const int64_t values =
      count_values(tensor.shape, fmt::format("{}: {}", *file_.name_, tensor.name));
  const int64_t row = tensor.shape.empty() ? 1 : tensor.shape.back();
  if (row % block.values != 0) {
    cursor_.fail(position, fmt::format("rows of whole {} blocks of {}", block.name, block.values),
                 fmt::format("shape [{}]", fmt::join(tensor.shape, ", ")));
  }
  const auto size = static_cast<unsigned __int128>(values / block.values) *
                    static_cast<unsigned __int128>(block.bytes);
  const unsigned __int128 end = tensor.begin + size;
  if (tensor.begin % file_.alignment_ != 0) {
    cursor_.fail(position, fmt::format("data at a multiple of {}", file_.alignment_),
                 fmt::format("offset {}", tensor.begin));
  }
  if (end > file_.file_.bytes().size()) {
    cursor_.fail(position,
                 fmt::format("data inside the file of {} bytes", file_.file_.bytes().size()),
                 fmt::format("offset {} and shape [{}] of {}", tensor.begin,
                             fmt::join(tensor.shape, ", "), block.name),
                 "The file may have been cut short; fetch it again");
  }
  tensor.end = static_cast<uint64_t>(end);
}

void GgufParser::check_data() {
  const uint64_t file_size = file_.file_.bytes().size();
  file_.data_start_ = core::round_up(cursor_.position(), file_.alignment_);
  std::vector<const GgufTensor*> by_place;
  for (const GgufTensor& tensor : file_.tensors_) {
    if (tensor.begin != tensor.end) by_place.push_back(&tensor);
  }
  std::sort(by_place.begin(), by_place.end(),
            [](const auto* a, const auto* b) { return a->begin < b->begin; });
  const GgufTensor* before = nullptr;
  for (const GgufTensor* tensor : by_place) {
    cursor_.set_context(tensor->name);
    if (file_.data_start_ + tensor->end > file_size) {
      cursor_.fail(file_.data_start_ + tensor->begin,
                   fmt::format("{} bytes of data", tensor->end - tensor->begin),
                   fmt::format("a file of {} bytes", file_size),
                   "The file may have been cut short; fetch it again");
    }
    if (before != nullptr && tensor->begin < before->end) {
      cursor_.fail(file_.data_start_ + tensor->begin, "data of its own",
                   fmt::format("data inside those of {}", before->name));
    }
    before = tensor;
  }
}

}  // namespace llm::io
