#include "llm/io/protobuf_reader.h"

#include <fmt/format.h>

#include <cstring>

#include "llm/core/error.h"

namespace llm::io {

ProtobufReader::ProtobufReader(std::string_view bytes, std::string where, uint64_t offset)
    : bytes_(bytes), where_(std::move(where)), offset_(offset) {}

bool ProtobufReader::next() {
  if (at_ == bytes_.size()) return false;
  start_ = at_;
  const uint64_t key = read_varint();
  if (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF) refuse("a field number", fmt::format("{}", key >> 3));
  field_ = static_cast<int>(key >> 3);
  switch (key & 7) {
    case 0:
      wire_ = Wire::kVarint;
      number_ = read_varint();
      break;
    case 1:
      wire_ = Wire::kFixed64;
      value_ = take(8);
      break;
    case 2:
      wire_ = Wire::kBytes;
      value_ = take(read_varint());
      break;
    case 5:
      wire_ = Wire::kFixed32;
      value_ = take(4);
      break;
    default:
      refuse("a field of wire type 0, 1, 2 or 5", fmt::format("wire type {}", key & 7));
  }
  return true;
}

uint64_t ProtobufReader::varint() const {
  expect(Wire::kVarint, "a whole number");
  return number_;
}

float ProtobufReader::float32() const {
  expect(Wire::kFixed32, "a 32-bit float");
  float value;
  std::memcpy(&value, value_.data(), sizeof value);
  return value;
}

std::string_view ProtobufReader::bytes() const {
  expect(Wire::kBytes, "bytes");
  return value_;
}

ProtobufReader ProtobufReader::message() const {
  const std::string_view inner = bytes();
  return {inner, where_, offset_ + static_cast<uint64_t>(inner.data() - bytes_.data())};
}

void ProtobufReader::refuse(const std::string& expected, const std::string& got) const {
  throw core::FormatError({fmt::format("{}: byte {}", where_, offset_ + start_), expected, got,
                           "The file is damaged or of another format"});
}

uint64_t ProtobufReader::read_varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (at_ == bytes_.size()) refuse("a whole message", "its end inside a number");
    const auto byte = static_cast<uint8_t>(bytes_[at_++]);
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  refuse("a number of at most 10 bytes", "a longer one");
}

std::string_view ProtobufReader::take(uint64_t size) {
  if (size > bytes_.size() - at_)
    refuse(fmt::format("{} bytes", size), fmt::format("{}", bytes_.size() - at_));
  const std::string_view taken = bytes_.substr(at_, size);
  at_ += size;
  return taken;
}

void ProtobufReader::expect(Wire wire, const char* name) const {
  if (wire_ != wire)
    refuse(fmt::format("{} in field {}", name, field_),
           fmt::format("wire type {}", static_cast<int>(wire_)));
}

}  // namespace llm::io
