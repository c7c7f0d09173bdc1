#include "llm/chat/repl.h"

#include <fmt/format.h>

#include <optional>
#include <ostream>

#include "llm/core/error.h"

namespace llm::chat {

namespace {

constexpr const char* kHelp =
    "/system TEXT   set the system prompt and start anew; without TEXT remove it\n"
    "/reset         forget the conversation\n"
    "/stats         tokens and speed of the last reply\n"
    "/help          this list\n"
    "/quit          leave (also Ctrl-D). Ctrl-C stops a reply\n";

std::string stats_text(const generate::Generation& generation) {
  const auto& stats = generation.stats;
  return fmt::format(
      "prompt {} tokens ({} cached), {:.1f} tokens/s; reply {} tokens, {:.1f} tokens/s; "
      "stopped by {}; seed {}\n",
      stats.prompt_tokens, stats.cached_tokens, stats.prefill_tokens_per_second(),
      stats.generated_tokens, stats.decode_tokens_per_second(),
      generate::stop_reason_name(generation.stop_reason), generation.seed);
}

class Repl {
 public:
  Repl(ChatSession& session, LineInput& input, const ReplOptions& options)
      : session_(session), input_(input), options_(options) {}

  void run() {
    while (true) {
      const InputLine line = input_.next();
      if (line.kind == InputLine::Kind::kEnd) return;
      options_.take_interrupt();  // what was pressed before the reply is not meant for it
      if (line.kind == InputLine::Kind::kInterrupted) {
        options_.notices << "\n(Ctrl-D or /quit leaves)\n" << std::flush;
      } else if (line.text.starts_with('/')) {
        if (!command(line.text)) return;
      } else if (!line.text.empty()) {
        guarded([&] { answer(line.text); });
      }
    }
  }

 private:
  // False: leave.
  bool command(const std::string& line) {
    const size_t space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/quit") return false;
    if (name == "/help") {
      options_.notices << kHelp;
    } else if (name == "/reset") {
      session_.reset();
      options_.notices << "the conversation is forgotten\n";
    } else if (name == "/stats") {
      options_.notices << (last_ ? stats_text(*last_) : "no reply yet\n");
    } else if (name == "/system") {
      guarded([&] {
        session_.set_system(rest);
        options_.notices << (rest.empty() ? "no system prompt\n" : "system prompt set\n");
      });
    } else {
      options_.notices << "unknown command " << name << "; /help lists them\n";
    }
    options_.notices << std::flush;
    return true;
  }

  void answer(const std::string& text) {
    Reply reply = session_.reply(text, [&](std::string_view part) {
      options_.replies << part << std::flush;
      return !options_.take_interrupt();
    });
    options_.replies << '\n' << std::flush;
    if (reply.dropped_messages > 0) {
      options_.notices << fmt::format("({} oldest messages were dropped to fit the context)\n",
                                      reply.dropped_messages);
    }
    if (reply.generation.stop_reason == generate::StopReason::kContextFull) {
      options_.notices << "(the context is full)\n";
    }
    options_.notices << std::flush;
    last_ = std::move(reply.generation);
  }

  // What a person can mend by typing something else is no reason to leave.
  template <class Action>
  void guarded(Action action) {
    try {
      action();
    } catch (const core::DataError& error) {
      options_.notices << error.what() << '\n' << std::flush;
    } catch (const core::ConfigError& error) {
      options_.notices << error.what() << '\n' << std::flush;
    }
  }

  ChatSession& session_;
  LineInput& input_;
  const ReplOptions& options_;
  std::optional<generate::Generation> last_;
};

}  // namespace

void run_repl(ChatSession& session, LineInput& input, const ReplOptions& options) {
  Repl(session, input, options).run();
}

}  // namespace llm::chat
