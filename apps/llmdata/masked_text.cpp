#include "llmdata/masked_text.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "llm/text/utf8.h"

namespace llm::apps {
namespace {

constexpr const char* kOpen = "\u27E6";
constexpr const char* kClose = "\u27E7";
constexpr const char* kReset = "\x1b[0m";

struct Look {
  bool is_trained = false;
  bool is_special = false;
  bool operator==(const Look&) const = default;
};

const char* colour_of(Look look) {
  if (look.is_trained) return look.is_special ? "\x1b[1;92m" : "\x1b[32m";
  return look.is_special ? "\x1b[1;36m" : "";
}

std::string printable(const std::string& bytes) {
  std::string out;
  for (const char c : text::replace_invalid_utf8(bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
    out += is_control ? fmt::format("\\x{:02X}", byte) : std::string(1, c);
  }
  return out;
}

// Colours start again on every line, as pagers forget them.
std::string coloured(const std::string& text, const char* colour) {
  if (*colour == '\0') return text;
  std::string out = colour;
  for (const char c : text) {
    if (c == '\n') out += kReset;
    out += c;
    if (c == '\n') out += colour;
  }
  return out + kReset;
}

}  // namespace

MaskStyle default_mask_style() {
  const char* no_colour = std::getenv("NO_COLOR");
  const bool is_wanted = no_colour == nullptr || *no_colour == '\0';
  return is_wanted && ::isatty(STDOUT_FILENO) == 1 ? MaskStyle::kColour : MaskStyle::kBrackets;
}

std::string masked_text(const text::Tokenizer& tokenizer, std::span<const int32_t> ids,
                        const std::vector<bool>& trained, MaskStyle style) {
  std::string out;
  text::DecodeState state;
  bool was_trained = false;
  for (size_t i = 0; i < ids.size();) {
    const auto look_at = [&](size_t k) { return Look{trained[k], tokenizer.is_special(ids[k])}; };
    const Look look = look_at(i);
    std::string bytes;
    for (; i < ids.size() && look_at(i) == look; ++i)
      tokenizer.decode_next(ids[i], false, state, bytes);
    if (style == MaskStyle::kColour) {
      out += coloured(printable(bytes), colour_of(look));
      continue;
    }
    if (look.is_trained != was_trained) out += look.is_trained ? kOpen : kClose;
    was_trained = look.is_trained;
    out += printable(bytes);
  }
  if (was_trained) out += kClose;
  return out;
}

}  // namespace llm::apps
