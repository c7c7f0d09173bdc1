#include <fmt/format.h>

#include <filesystem>

#include "chat/commands.h"
#include "chat/file_argument.h"
#include "llm/chat/conversation_file.h"
#include "llm/core/error.h"
#include "llm/io/file.h"
#include "llm/text/utf8.h"

namespace llm::chat {

namespace {

std::string counted(size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

// The beginning of a text, on one line.
std::string excerpt(std::string text) {
  constexpr size_t kLongest = 60;
  for (char& c : text)
    if (c == '\n' || c == '\t') c = ' ';
  if (text.size() <= kLongest) return text;
  return text.substr(0, text::complete_utf8_prefix(std::string_view(text).substr(0, kLongest))) +
         "…";
}

std::string read_text(const std::string& path) {
  // A text that is longer in bytes than any context is in tokens is refused before it is read.
  constexpr uintmax_t kLargest = uintmax_t{1} << 26;
  std::error_code unused;
  const uintmax_t size = std::filesystem::file_size(path, unused);
  if (!unused && size > kLargest)
    throw core::DataError({path, "a text of at most 64 MiB", fmt::format("{} bytes", size), ""});
  std::string text = io::read_file(path);
  const size_t at = text::find_invalid_utf8(text);
  if (at != std::string::npos)
    throw core::DataError({fmt::format("{}, byte {}", path, at), "UTF-8 text",
                           fmt::format("the byte 0x{:02x}", static_cast<unsigned char>(text[at])),
                           "Convert the text to UTF-8, for example with iconv"});
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  while (text.ends_with('\n') || text.ends_with('\r')) text.pop_back();
  if (text.empty()) throw core::DataError({path, "a text", "an empty file", ""});
  return text;
}

}  // namespace

void run_exit(Repl& repl, const std::string&) { repl.leave(); }

void run_clear(Repl& repl, const std::string&) {
  repl.session().clear();
  repl.notice("the conversation is forgotten");
}

void run_regen(Repl& repl, const std::string&) {
  if (repl.session().settings().sampling.temperature == 0)
    repl.notice("at temperature 0 the reply is the same; /set temperature 0.8 draws another");
  repl.regenerate();
}

void run_undo(Repl& repl, const std::string&) {
  const auto text = repl.session().undo();
  repl.notice(text ? "taken back: " + excerpt(*text) : "there is nothing to take back");
}

void run_system(Repl& repl, const std::string& argument) {
  if (argument.empty()) {
    const std::string system = repl.session().system();
    if (system.empty()) return repl.notice("no system prompt");
    return repl.print(system + "\n");
  }
  const bool removes = argument == "\"\"";
  repl.session().set_system(removes ? "" : argument);
  repl.notice(removes ? "no system prompt" : "system prompt set");
}

void run_save(Repl& repl, const std::string& argument) {
  const std::string path = file_argument("/save", argument);
  const Conversation conversation = conversation_of(repl.session());
  repl.require_own(path);
  write_conversation(path, conversation);
  repl.own(path);
  repl.notice(
      fmt::format("{} saved in {}", counted(conversation.messages.size(), "message"), path));
}

void run_load(Repl& repl, const std::string& argument) {
  const std::string path = file_argument("/load", argument);
  Conversation conversation = read_conversation(path, repl.session().settings());
  const size_t count = conversation.messages.size();
  const bool awaits_reply = count > 0 && conversation.messages.back().role == "user";
  restore(std::move(conversation), repl.session());
  repl.own(path);
  repl.notice(fmt::format("{} loaded from {}{}", counted(count, "message"), path,
                          awaits_reply ? "; /regen answers the last one" : ""));
}

void run_read(Repl& repl, const std::string& argument) {
  const auto [path, words] = split_file("/read", argument);
  const std::string text = read_text(path);
  repl.send(words.empty() ? text : text + "\n\n" + words);
}

}  // namespace llm::chat
