#include "llm/chat/repl.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "chat/commands.h"
#include "chat/message_reader.h"
#include "chat/repl_state.h"
#include "llm/chat/reply_record.h"
#include "llm/core/error.h"

namespace llm::chat {

namespace {

constexpr double kNoticeableSeconds = 2;
// Until the first reply has shown how fast this model reads.
constexpr double kAssumedTokensPerSecond = 100;

// What a terminal would obey instead of showing: C0 but tab and newline, DEL, and C1 (c2 80..9f in
// UTF-8).
std::string without_controls(std::string_view text) {
  constexpr const char* kReplacement = "\xef\xbf\xbd";
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c0 = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
    const bool is_c1 =
        byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (is_c0 || is_c1)
      out += kReplacement;
    else
      out += text[i];
    if (is_c1) ++i;
  }
  return out;
}

io::OrderedJson error_record(const core::Error& error) {
  const core::ErrorInfo& info = error.info();
  return {{"error",
           {{"message", error.what()},
            {"where", info.where},
            {"expected", info.expected},
            {"got", info.got},
            {"hint", info.hint}}}};
}

std::string json_line(const io::OrderedJson& record) {
  return record.dump(-1, ' ', false, io::Json::error_handler_t::replace) + "\n";
}

}  // namespace

int64_t Repl::run() {
  while (!is_leaving_) {
    const InputMessage message = read_message(input_);
    if (message.kind == InputLine::Kind::kEnd) break;
    options_.take_interrupt();  // what was pressed before the reply is not meant for it
    if (message.kind == InputLine::Kind::kInterrupted) {
      on_interrupted();
    } else {
      interrupts_ = 0;
      take(message.text, message.is_verbatim);
    }
  }
  return failures_;
}

void Repl::take(const std::string& text, bool is_verbatim) {
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return;
  const bool is_command = !is_verbatim && text.starts_with('/') && !text.starts_with("//");
  if (is_command) {
    guarded([&] { run_command(*this, text); });
  } else {
    guarded([&] { send(!is_verbatim && text.starts_with("//") ? text.substr(1) : text); });
  }
}

void Repl::on_interrupted() {
  if (++interrupts_ < 2) return;
  notice("Ctrl-D or /exit leaves");
}

void Repl::notice(const std::string& text) {
  clear_status();
  if (options_.has_color) {
    options_.notices << "\x1b[2m(" << text << ")\x1b[0m\n" << std::flush;
  } else {
    options_.notices << '(' << text << ")\n" << std::flush;
  }
}

void Repl::own(const std::filesystem::path& path) {
  own_files_.insert(std::filesystem::weakly_canonical(path));
}

void Repl::require_own(const std::filesystem::path& path) const {
  const bool is_free = !std::filesystem::exists(path);
  if (is_free || own_files_.contains(std::filesystem::weakly_canonical(path))) return;
  throw core::ConfigError({path.string(), "a new file, or one that this session loaded or saved",
                           "a file that was there before", "Name another file, or /load it first"});
}

void Repl::print(const std::string& text) {
  options_.notices << (options_.is_terminal ? without_controls(text) : text) << std::flush;
}

void Repl::send(const std::string& text) {
  answer([&](const ReplyCallbacks& callbacks) { return session_.reply(text, callbacks); });
}

void Repl::regenerate() {
  answer([&](const ReplyCallbacks& callbacks) { return session_.regenerate(callbacks); });
}

template <class Ask>
void Repl::answer(Ask ask) {
  Reply reply;
  try {
    reply = ask({[this](std::string_view text) { return on_text(text); },
                 [this](int64_t done, int64_t total) { on_prompt(done, total); }});
  } catch (const core::Error& error) {
    clear_status();
    if (options_.json) options_.replies << json_line(error_record(error)) << std::flush;
    throw;
  }
  clear_status();
  if (options_.json) {
    options_.replies << json_line(reply_record(reply, session_)) << std::flush;
  } else {
    options_.replies << '\n' << std::flush;
  }
  tell(reply);
  add(reply.generation);
}

bool Repl::on_text(std::string_view text) {
  if (!text.empty() && !options_.json) {
    clear_status();
    options_.replies << (options_.is_terminal ? without_controls(text) : std::string(text))
                     << std::flush;
  }
  return !options_.take_interrupt();
}

// A note while a person waits for long, redrawn with every chunk.
void Repl::on_prompt(int64_t done, int64_t total) {
  if (!options_.is_terminal) return;
  const int64_t read = totals_.prompt_tokens - totals_.cached_tokens;
  const double speed = read > 0 && totals_.prefill_seconds > 0
                           ? static_cast<double>(read) / totals_.prefill_seconds
                           : kAssumedTokensPerSecond;
  if (static_cast<double>(total) / speed < kNoticeableSeconds) return;
  options_.notices << fmt::format("\rreading {} tokens… {} %", grouped(total), 100 * done / total)
                   << std::flush;
  has_status_ = true;
}

void Repl::clear_status() {
  if (has_status_) options_.notices << "\r\x1b[K" << std::flush;
  has_status_ = false;
}

void Repl::tell(const Reply& reply) {
  using generate::StopReason;
  const generate::Generation& generation = reply.generation;
  if (reply.dropped_messages > dropped_) {
    notice(
        fmt::format("the context is too short for the whole conversation: the {} oldest "
                    "messages are left out",
                    reply.dropped_messages));
  }
  dropped_ = reply.dropped_messages;
  if (generation.stop_reason == StopReason::kContextFull) {
    notice(fmt::format("the reply ends here: the context of {} tokens is full",
                       grouped(session_.context_length())));
  } else if (generation.stop_reason == StopReason::kMaxTokens) {
    notice(fmt::format("the reply ends here: {} tokens; /set max_tokens allows more",
                       grouped(generation.stats.generated_tokens)));
  } else if (generation.stop_reason == StopReason::kInterrupted && generation.ids.empty()) {
    notice("stopped before the first word: the message is not kept");
  }
  if (options_.verbose) notice(reply_summary(generation));
}

void Repl::add(const generate::Generation& generation) {
  const generate::GenerationStats& stats = generation.stats;
  ++totals_.replies;
  totals_.tokens += stats.generated_tokens;
  totals_.prompt_tokens += stats.prompt_tokens;
  totals_.cached_tokens += stats.cached_tokens;
  totals_.prefill_seconds += stats.prefill_seconds;
  totals_.decode_seconds += stats.decode_seconds;
  last_ = generation;
}

// What a person can mend by typing something else is no reason to leave.
template <class Action>
void Repl::guarded(Action action) {
  try {
    action();
  } catch (const core::Error& error) {
    ++failures_;
    notice(error.what());
  }
}

int64_t run_repl(ChatSession& session, LineInput& input, const ReplOptions& options) {
  return Repl(session, input, options).run();
}

}  // namespace llm::chat
