// LibTorch's exceptions in our words. Only for programs that link LibTorch, hence no source file:
// llmtok and llmdata share the library of this folder.
#pragma once

#include <c10/util/Exception.h>

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/errors.h"
#include "llm/core/format.h"

namespace llm::apps {

// "19.5 GiB" out of "... you tried to allocate 20971520000 bytes. ..."; "" when no number is there.
inline std::string allocation_size(std::string_view text) {
  constexpr std::string_view kBefore = "tried to allocate ";
  const size_t found = text.find(kBefore);
  if (found == text.npos) return "";
  const std::string_view rest = text.substr(found + kBefore.size());
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), bytes);
  const std::string_view unit = rest.substr(static_cast<size_t>(end - rest.data()));
  return error == std::errc() && unit.starts_with(" bytes") ? core::format_bytes(bytes) : "";
}

inline std::optional<TranslatedError> translate_torch_error(const std::exception& error) {
  const auto* known = dynamic_cast<const c10::Error*>(&error);
  if (known == nullptr) return std::nullopt;
  std::string text = known->what_without_backtrace();
  while (text.ends_with('\n')) text.pop_back();
  const bool is_memory = dynamic_cast<const c10::OutOfMemoryError*>(known) != nullptr ||
                         text.find("can't allocate memory") != std::string::npos;
  if (!is_memory) return TranslatedError{"failure", text};
  const std::string size = allocation_size(text);
  return TranslatedError{"memory",
                         "out of memory: " + (size.empty() ? text : size + " more needed") +
                             ". Take fewer tokens at once, a shorter context or a "
                             "smaller model"};
}

}  // namespace llm::apps
