// The protobuf wire format (protobuf.dev/programming-guides/encoding), read field by field, without
// a schema and without copies. A message inside a message is read by a reader over bytes().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace llm::io {

class ProtobufReader {
 public:
  // `bytes` must outlive the reader. `where` names the file in errors; `offset` is where `bytes`
  // begin in it.
  ProtobufReader(std::string_view bytes, std::string where, uint64_t offset = 0);

  // Goes to the next field; false at the end. Throws: FormatError for a truncated or damaged
  // message, and for the wire types 3 and 4 (groups), which nobody writes any more.
  bool next();
  int field() const { return field_; }
  // The value of the field next() came to. Throws: FormatError when it is of another wire type.
  uint64_t varint() const;
  bool boolean() const { return varint() != 0; }
  int32_t int32() const { return static_cast<int32_t>(varint()); }
  float float32() const;
  std::string_view bytes() const;
  ProtobufReader message() const;
  // Refuses the present field. Throws: FormatError.
  [[noreturn]] void refuse(const std::string& expected, const std::string& got) const;

 private:
  enum class Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  uint64_t read_varint();
  std::string_view take(uint64_t size);
  void expect(Wire wire, const char* name) const;

  std::string_view bytes_;
  std::string where_;
  uint64_t offset_;
  size_t at_ = 0;
  size_t start_ = 0;  // of the present field
  int field_ = 0;
  Wire wire_ = Wire::kVarint;
  uint64_t number_ = 0;     // of a varint
  std::string_view value_;  // of the other wire types
};

}  // namespace llm::io
