#include "llm/chat/reply_record.h"

#include <fmt/format.h>

namespace llm::chat {

io::OrderedJson reply_record(const Reply& reply, const ChatSession& session) {
  const generate::Generation& generation = reply.generation;
  const generate::GenerationStats& stats = generation.stats;
  return {{"reply", generation.text},
          {"ids", generation.ids},
          {"prompt_tokens", stats.prompt_tokens},
          {"cached_tokens", stats.cached_tokens},
          {"tokens", stats.generated_tokens},
          {"stop_reason", generate::stop_reason_name(generation.stop_reason)},
          {"tokens_per_second", stats.decode_tokens_per_second()},
          {"prompt_tokens_per_second", stats.prefill_tokens_per_second()},
          {"prefill_seconds", stats.prefill_seconds},
          {"decode_seconds", stats.decode_seconds},
          {"seed", generation.seed},
          {"dropped_messages", reply.dropped_messages},
          {"context_tokens", session.context_used()},
          {"context_length", session.context_length()},
          {"mode", session.chat_template() ? "chat" : "completion"}};
}

std::string reply_summary(const generate::Generation& generation) {
  const generate::GenerationStats& stats = generation.stats;
  return fmt::format(
      "{} tokens, {:.1f} tokens/s, first token after {:.2f} s, prompt {} (cached {})",
      grouped(stats.generated_tokens), stats.decode_tokens_per_second(), stats.prefill_seconds,
      grouped(stats.prompt_tokens), grouped(stats.cached_tokens));
}

std::string grouped(int64_t number) {
  std::string digits = fmt::to_string(number);
  const std::ptrdiff_t first = number < 0 ? 1 : 0;
  for (std::ptrdiff_t at = std::ssize(digits) - 3; at > first; at -= 3)
    digits.insert(static_cast<size_t>(at), ",");
  return digits;
}

}  // namespace llm::chat
