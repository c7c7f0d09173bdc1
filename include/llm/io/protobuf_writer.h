// The protobuf wire format (protobuf.dev/programming-guides/encoding), written: event files and
// SentencePiece models.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace llm::io {

class ProtobufWriter {
 public:
  void varint(int field, uint64_t value) {
    key(field, 0);
    raw_varint(value);
  }
  void fixed64(int field, double value) {
    key(field, 1);
    raw_bytes(&value, sizeof value);
  }
  void fixed32(int field, float value) {
    key(field, 5);
    raw_bytes(&value, sizeof value);
  }
  // A string or a message.
  void bytes(int field, std::string_view value) {
    key(field, 2);
    raw_varint(value.size());
    out_ += value;
  }
  const std::string& text() const { return out_; }

 private:
  void key(int field, int wire_type) { raw_varint(static_cast<uint64_t>(field) << 3 | wire_type); }
  void raw_varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(value | 0x80);
    out_ += static_cast<char>(value);
  }
  void raw_bytes(const void* value, size_t size) {
    out_.append(static_cast<const char*>(value), size);
  }

  std::string out_;
};

}  // namespace llm::io
