#include "common/token_text.h"

#include <fmt/format.h>

#include <span>

#include "llm/io/file.h"
#include "llm/text/utf8.h"

namespace llm::apps {

std::string shown_token(const text::Tokenizer& tokenizer, int32_t id) {
  const std::string bytes = tokenizer.decode_bytes(std::span(&id, 1));
  const bool is_text = text::find_invalid_utf8(bytes) == std::string::npos;
  std::string out = "'";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = byte >= 0x20 && byte != 0x7F && (byte < 0x80 || is_text);
    out += is_plain ? std::string(1, c) : fmt::format("\\x{:02X}", byte);
  }
  return out + "'";
}

std::string input_path(const std::string& argument) {
  return argument == "-" ? io::kStandardInput : argument;
}

}  // namespace llm::apps
