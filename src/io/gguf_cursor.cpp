#include "io/gguf_cursor.h"

#include "io/utf8_check.h"
#include "llm/core/error.h"

namespace llm::io {
namespace {

constexpr int kMaxArrayDepth = 8;
constexpr uint32_t kLastGgufType = static_cast<uint32_t>(GgufType::kF64);
const char* const kCutShort = "The file may have been cut short; fetch it again";

}  // namespace

const char* gguf_type_name(GgufType type) {
  constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                    "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<uint32_t>(type)];
}

uint64_t gguf_least_size(GgufType type) {
  constexpr uint64_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return kSizes[static_cast<uint32_t>(type)];
}

std::span<const std::byte> GgufCursor::take(uint64_t size, const char* what) {
  if (size > left()) {
    fail(at_, fmt::format("{} of {} bytes", what, size), fmt::format("{} bytes left", left()),
         kCutShort);
  }
  const auto taken = bytes_.subspan(at_, size);
  at_ += size;
  return taken;
}

std::string_view GgufCursor::read_string(const char* what) {
  const auto length = read<uint64_t>(what);
  const auto text = take(length, what);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

std::string_view GgufCursor::read_name(const char* what, uint64_t longest) {
  const uint64_t begin = at_;
  const auto length = read<uint64_t>(what);
  if (length == 0 || length > longest) {
    fail(begin, fmt::format("{} of 1 to {} bytes", what, longest), fmt::format("{} bytes", length));
  }
  const auto bytes = take(length, what);
  const std::string_view name(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (first_invalid_utf8(name) != std::string_view::npos) {
    fail(begin, fmt::format("{} in UTF-8", what), "other bytes");
  }
  return name;
}

GgufType GgufCursor::read_type(const char* what) {
  const uint64_t begin = at_;
  const auto type = read<uint32_t>(what);
  if (type > kLastGgufType) {
    fail(begin, fmt::format("{} from 0 to {}", what, kLastGgufType), std::to_string(type));
  }
  return static_cast<GgufType>(type);
}

std::span<const std::byte> GgufCursor::read_value(GgufType type, int depth) {
  const uint64_t begin = at_;
  if (type == GgufType::kString) {
    read_string("a string");
  } else if (type == GgufType::kArray) {
    pass_array(depth + 1);
  } else {
    take(gguf_least_size(type), gguf_type_name(type));
  }
  return bytes_.subspan(begin, at_ - begin);
}

void GgufCursor::pass_array(int depth) {
  const uint64_t begin = at_;
  if (depth > kMaxArrayDepth) {
    fail(begin, fmt::format("at most {} arrays in each other", kMaxArrayDepth), "one more");
  }
  const GgufType element = read_type("an element type");
  const auto count = read<uint64_t>("an array's count");
  const uint64_t least = gguf_least_size(element);
  if (count > left() / least) {
    fail(begin, fmt::format("an array that fits the {} bytes left", left()),
         fmt::format("{} elements of type {}", count, gguf_type_name(element)), kCutShort);
  }
  if (element == GgufType::kString || element == GgufType::kArray) {
    for (uint64_t i = 0; i < count; ++i) read_value(element, depth);
  } else {
    take(count * least, "an array");
  }
}

void GgufCursor::fail(uint64_t position, const std::string& expected, const std::string& got,
                      const std::string& hint) const {
  std::string where = fmt::format("{}: byte {}", file_, position);
  if (!context_.empty()) where += fmt::format(" ({})", context_);
  throw core::FormatError({.where = where, .expected = expected, .got = got, .hint = hint});
}

}  // namespace llm::io
