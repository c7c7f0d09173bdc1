#include <fmt/format.h>

#include <utility>

#include "io/gguf_cursor.h"
#include "io/gguf_parser.h"
#include "llm/core/error.h"
#include "llm/io/gguf.h"

namespace llm::io {
namespace {

constexpr size_t kArrayHead = 12;  // u32 element type, u64 count

bool is_integer(GgufType type) {
  using enum GgufType;
  return type != kF32 && type != kF64 && type != kBool && type != kString && type != kArray;
}

// An integer of any type, as 128 bits hold all of them.
__int128 load_integer(GgufType type, const std::byte* bytes) {
  switch (type) {
    case GgufType::kU8:
      return load_le<uint8_t>(bytes);
    case GgufType::kI8:
      return load_le<int8_t>(bytes);
    case GgufType::kU16:
      return load_le<uint16_t>(bytes);
    case GgufType::kI16:
      return load_le<int16_t>(bytes);
    case GgufType::kU32:
      return load_le<uint32_t>(bytes);
    case GgufType::kI32:
      return load_le<int32_t>(bytes);
    case GgufType::kU64:
      return load_le<uint64_t>(bytes);
    default:
      return load_le<int64_t>(bytes);
  }
}

template <class T>
bool holds(__int128 value) {
  return value >= std::numeric_limits<T>::min() && value <= std::numeric_limits<T>::max();
}

}  // namespace

std::string GgufValue::where() const { return fmt::format("{}: {}", *file_, key_); }

void GgufValue::refuse(const std::string& expected) const {
  std::string got = gguf_type_name(type_);
  if (is_integer(type_)) {
    const __int128 value = load_integer(type_, bytes_.data());
    got += value < 0 ? fmt::format(" {}", static_cast<int64_t>(value))
                     : fmt::format(" {}", static_cast<uint64_t>(value));
  }
  if (type_ == GgufType::kArray) got += fmt::format(" of {}", gguf_type_name(element_type()));
  throw core::FormatError({.where = where(), .expected = expected, .got = got});
}

bool GgufValue::as_bool() const {
  if (type_ != GgufType::kBool) refuse("a bool");
  const auto value = load_le<uint8_t>(bytes_.data());
  if (value > 1) {
    throw core::FormatError(
        {.where = where(), .expected = "a bool of 0 or 1", .got = std::to_string(value)});
  }
  return value == 1;
}

int64_t GgufValue::as_int() const {
  if (!is_integer(type_)) refuse("an integer");
  const __int128 value = load_integer(type_, bytes_.data());
  if (!holds<int64_t>(value)) refuse("an integer below 2^63");
  return static_cast<int64_t>(value);
}

uint64_t GgufValue::as_uint() const {
  if (!is_integer(type_)) refuse("an integer");
  const __int128 value = load_integer(type_, bytes_.data());
  if (!holds<uint64_t>(value)) refuse("an integer >= 0");
  return static_cast<uint64_t>(value);
}

double GgufValue::as_float() const {
  if (type_ == GgufType::kF32) return static_cast<double>(load_le<float>(bytes_.data()));
  if (type_ != GgufType::kF64) refuse("a floating-point number");
  return load_le<double>(bytes_.data());
}

std::string_view GgufValue::as_string() const {
  if (type_ != GgufType::kString) refuse("a string");
  return {reinterpret_cast<const char*>(bytes_.data()) + 8, bytes_.size() - 8};
}

GgufType GgufValue::element_type() const {
  if (type_ != GgufType::kArray) refuse("an array");
  return static_cast<GgufType>(load_le<uint32_t>(bytes_.data()));
}

uint64_t GgufValue::size() const {
  if (type_ != GgufType::kArray) refuse("an array");
  return load_le<uint64_t>(bytes_.data() + 4);
}

void GgufValue::require_array_of(GgufType element) const {
  if (type_ != GgufType::kArray || element_type() != element) {
    refuse(fmt::format("an array of {}", gguf_type_name(element)));
  }
}

std::vector<std::string_view> GgufValue::as_strings() const {
  require_array_of(GgufType::kString);
  std::vector<std::string_view> out;
  out.reserve(size());
  GgufCursor cursor(bytes_.subspan(kArrayHead), *file_);
  for (uint64_t i = size(); i > 0; --i) out.push_back(cursor.read_string("a string"));
  return out;
}

std::vector<int64_t> GgufValue::as_ints() const {
  if (type_ != GgufType::kArray || !is_integer(element_type())) refuse("an array of integers");
  const GgufType element = element_type();
  const uint64_t step = gguf_least_size(element);
  std::vector<int64_t> out;
  out.reserve(size());
  const std::byte* at = bytes_.data() + kArrayHead;
  for (uint64_t i = size(); i > 0; --i, at += step) {
    const __int128 value = load_integer(element, at);
    if (!holds<int64_t>(value)) refuse("integers below 2^63");
    out.push_back(static_cast<int64_t>(value));
  }
  return out;
}

std::vector<float> GgufValue::as_floats() const {
  require_array_of(GgufType::kF32);
  std::vector<float> out(size());
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + kArrayHead, 4 * out.size());
  return out;
}

std::vector<bool> GgufValue::as_bools() const {
  require_array_of(GgufType::kBool);
  std::vector<bool> out;
  for (const GgufValue& value : as_array()) out.push_back(value.as_bool());
  return out;
}

std::vector<GgufValue> GgufValue::as_array() const {
  const GgufType element = element_type();
  std::vector<GgufValue> out;
  out.reserve(size());
  GgufCursor cursor(bytes_.subspan(kArrayHead), *file_);
  for (uint64_t i = size(); i > 0; --i) {
    out.push_back(GgufParser::make_value(element, cursor.read_value(element), key_, *file_));
  }
  return out;
}

}  // namespace llm::io
