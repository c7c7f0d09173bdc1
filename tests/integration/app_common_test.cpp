// Oracle: what the programs promise in docs/design.md section 8 and README.md: exit codes, one
// message on stderr, one JSON object on stdout; layouts written down by hand.
#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <functional>
#include <new>
#include <system_error>
#include <vector>

#include "common/errors.h"
#include "common/interrupt.h"
#include "common/output.h"
#include "common/progress.h"
#include "common/table.h"
#include "common/token_text.h"
#include "common/torch_errors.h"
#include "common/usage.h"
#include "common/validators.h"
#include "llm/io/json.h"
#include "support/error_text.h"
#include "support/model_directory.h"

namespace llm::apps {
namespace {

#ifdef __x86_64__
// A signal while the stack pointer points into the heap, as it does within generated kernels.
// Returns whether the memory there is as before.
bool leaves_memory_below_stack_pointer() {
  std::vector<unsigned char> memory(1 << 20, 0x5a);
  void* middle = memory.data() + memory.size() / 2;
  const long process = ::getpid(), thread = ::gettid(), signal = SIGTERM;
  asm volatile("mov %%rsp, %%r12\n mov %[middle], %%rsp\n syscall\n mov %%r12, %%rsp\n"
               :
               : [middle] "r"(middle), "a"(static_cast<long>(SYS_tgkill)), "D"(process),
                 "S"(thread), "d"(signal)
               : "rcx", "r11", "r12", "memory");
  return std::ranges::all_of(memory, [](unsigned char byte) { return byte == 0x5a; });
}

TEST(Interrupts, AHandlerHasAStackOfItsOwn) {
  const auto interrupted = [] {
    catch_interrupts();
    const bool is_intact = leaves_memory_below_stack_pointer();
    ::_exit(is_intact && interrupt_requested() ? 0 : 1);
  };
  EXPECT_EXIT(interrupted(), ::testing::ExitedWithCode(0), "");
}
#endif

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Reported {
  int exit_code = 0;
  std::string out, err;
  io::Json error() const { return io::parse_json(out, "stdout").at("error"); }
};

// What a program says when `work` throws.
template <class Work>
Reported report_of(Work&& work, bool json = true) {
  const ErrorReporter reporter{"prog", json, translate_torch_error};
  Reported reported;
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  try {
    work();
  } catch (...) {
    reported.exit_code = reporter.report_current_exception();
  }
  std::fflush(stdout);
  reported.out = testing::internal::GetCapturedStdout();
  reported.err = testing::internal::GetCapturedStderr();
  return reported;
}

template <class E>
Reported report_thrown(const E& error, bool json = true) {
  return report_of([&] { throw error; }, json);
}

core::ErrorInfo info() { return {"here", "one", "two", "Do it"}; }

TEST(ErrorReporterTest, TypesDecideTheExitCode) {
  EXPECT_EQ(report_thrown(core::ConfigError(info())).exit_code, 2);
  EXPECT_EQ(report_thrown(core::DataError(info())).exit_code, 3);
  EXPECT_EQ(report_thrown(core::FormatError(info())).exit_code, 3);
  EXPECT_EQ(report_thrown(core::NumericError(info())).exit_code, 1);
  EXPECT_EQ(report_thrown(std::runtime_error("x")).exit_code, 1);
  EXPECT_EQ(report_thrown(std::bad_alloc()).error()["kind"], "memory");
}

TEST(ErrorReporterTest, TheSystemsErrorDecidesTheExitCode) {
  const std::vector<std::pair<int, int>> expected = {{ENOENT, 2}, {EACCES, 2}, {EROFS, 2},
                                                     {ENOSPC, 3}, {EDQUOT, 3}, {EIO, 1}};
  for (const auto& [error_number, exit_code] : expected) {
    EXPECT_EQ(report_thrown(core::IoError(info(), error_number)).exit_code, exit_code);
    const std::error_code code(error_number, std::generic_category());
    EXPECT_EQ(report_thrown(std::system_error(code)).exit_code, exit_code);
    EXPECT_EQ(report_thrown(std::filesystem::filesystem_error("f", "/x", code)).exit_code,
              exit_code);
  }
}

TEST(ErrorReporterTest, OneMessageAndOneObject) {
  const Reported reported = report_thrown(core::DataError(info()));
  EXPECT_EQ(reported.err, "prog: error: here: expected one, got two. Do it\n");
  const io::Json error = reported.error();
  EXPECT_EQ(error["kind"], "data");
  EXPECT_EQ(error["exit_code"], 3);
  EXPECT_EQ(error["where"], "here");
  EXPECT_EQ(error["hint"], "Do it");
  EXPECT_EQ(report_thrown(core::DataError(info()), false).out, "");
}

TEST(ErrorReporterTest, AnInterruptionSaysWhatWasSavedAndIsNoError) {
  const Reported plain = report_thrown(Interrupted{});
  EXPECT_EQ(plain.exit_code, 130);
  EXPECT_EQ(plain.err, "prog: interrupted\n");
  EXPECT_EQ(plain.error()["kind"], "interrupted");
  const Reported saved = report_thrown(Interrupted{.note = "after step 40", .has_result = true});
  EXPECT_EQ(saved.err, "prog: interrupted after step 40\n");
  EXPECT_EQ(saved.out, "");
}

TEST(ErrorReporterTest, LibTorchIsToldWithoutItsStackFrames) {
  const Reported reported = report_of([] { TORCH_CHECK(false, "the shapes differ"); });
  EXPECT_EQ(reported.exit_code, 1);
  EXPECT_EQ(reported.err, "prog: error: the shapes differ\n");
  EXPECT_THAT(reported.out, AllOf(Not(HasSubstr("frame #")), Not(HasSubstr("Exception raised"))));
}

// More than any address space holds.
TEST(ErrorReporterTest, MemoryThatLibTorchCannotGetIsOutOfMemory) {
  const Reported reported = report_of([] { at::empty({int64_t{1} << 50}, at::kFloat); });
  EXPECT_EQ(reported.exit_code, 1);
  EXPECT_EQ(reported.error()["kind"], "memory");
  EXPECT_THAT(reported.err, StartsWith("prog: error: out of memory: 4.0 PiB more needed. "));
  EXPECT_THAT(reported.err, Not(HasSubstr("frame #")));
}

TEST(OutputTest, WhatCannotBeWrittenIsAnError) {
  const int kept = ::dup(STDOUT_FILENO);
  std::fflush(stdout);
  ASSERT_NE(std::freopen("/dev/full", "w", stdout), nullptr);
  const auto flush = [] {
    write_output("lost");
    flush_output();
  };
  const std::string message = test::error_text<core::IoError>(flush);
  std::clearerr(stdout);
  ::dup2(kept, STDOUT_FILENO);
  ::close(kept);
  EXPECT_THAT(message, StartsWith("standard output: cannot be written: No space left on device"));
  EXPECT_NO_THROW(flush_output());
}

TEST(ValidatorTest, SaysWhatWasExpected) {
  const CLI::Validator at_least = whole_number(1), range = whole_number(1, 9);
  const auto verdict = [](const CLI::Validator& check, std::string text) { return check(text); };
  EXPECT_EQ(verdict(at_least, "1"), "");
  EXPECT_EQ(verdict(at_least, "0"), "expected a whole number of at least 1, got 0");
  EXPECT_EQ(verdict(at_least, "1.5"), "expected a whole number of at least 1, got 1.5");
  EXPECT_EQ(verdict(at_least, "99999999999999999999"),
            "expected a whole number of at least 1, got 99999999999999999999");
  EXPECT_EQ(verdict(at_least, ""), "expected a whole number of at least 1, got \"\"");
  EXPECT_EQ(verdict(range, "10"), "expected a whole number from 1 to 9, got 10");
  EXPECT_EQ(verdict(number_above(0), "1e-3"), "");
  EXPECT_EQ(verdict(number_above(0), "-1"), "expected a number above 0, got -1");
  const CLI::Validator type = one_of({"f32", "bf16", "f16"}), format = one_of({"hf", "gguf"});
  EXPECT_EQ(verdict(type, "f16"), "");
  EXPECT_EQ(verdict(type, "int8"), "expected one of f32, bf16, f16, got int8");
  EXPECT_EQ(verdict(format, ""), "expected hf or gguf, got \"\"");
  EXPECT_EQ(verdict(format, "ggu"), "expected hf or gguf, got ggu. Did you mean gguf?");
  EXPECT_EQ(verdict(one_of(std::map<std::string, int>{{"a", 0}, {"b", 1}, {"c", 2}}), "x9y"),
            "expected one of a, b, c, got x9y");
  EXPECT_EQ(verdict(valid_utf8(), "é"), "");
  EXPECT_EQ(verdict(valid_utf8(), "\xC3"), "expected valid UTF-8, got byte 0xC3 at byte 1");
  EXPECT_EQ(verdict(valid_utf8(), "é\xFF"), "expected valid UTF-8, got byte 0xFF at byte 3");
}

TEST(ValidatorTest, SizesBecomeBytes) {
  const auto bytes = [](std::string text) {
    const std::string problem = byte_size()(text);
    return problem.empty() ? text : problem;
  };
  EXPECT_EQ(bytes("5GB"), "5000000000");
  EXPECT_EQ(bytes("1.5gib"), "1610612736");
  EXPECT_EQ(bytes("700"), "700");
  for (const char* wrong : {"-5", "0", "5XB", "GB", "", "1e30", "5 GB extra"})
    EXPECT_THAT(bytes(wrong), StartsWith("expected a size such as 5GB or 500MiB, got ")) << wrong;
}

class UsageTest : public testing::Test {
 protected:
  UsageTest() {
    app_.require_subcommand(1);
    for (const char* name : {"train", "encode"}) {
      CLI::App& command = *app_.add_subcommand(name, "");
      command.add_option("--vocab-size", number_)->check(whole_number(1));
      command.add_option("--input", text_)->required();
    }
  }
  std::string message(std::vector<std::string> arguments) {
    std::reverse(arguments.begin(), arguments.end());
    try {
      app_.parse(arguments);
    } catch (const CLI::ParseError& error) {
      return describe_usage_error(app_, error);
    }
    return "understood";
  }
  CLI::App app_{"", "prog"};
  int number_ = 0;
  std::string text_;
};

TEST_F(UsageTest, NamesTheMistakeTheNearestNameAndTheRightHelpPage) {
  EXPECT_EQ(message({"train", "--input", "x"}), "understood");
  EXPECT_EQ(message({"train", "--vocab-sise", "200"}),
            "--vocab-sise is not an option of prog train. Did you mean --vocab-size? See prog "
            "train --help");
  EXPECT_EQ(message({"train", "--vocab-sise=200", "--input", "x"}),
            "--vocab-sise is not an option of prog train. Did you mean --vocab-size? See prog "
            "train --help");
  EXPECT_EQ(message({"trian"}),
            "\"trian\" is not a command of prog, which has train, encode. Did you mean train? See "
            "prog --help");
  EXPECT_EQ(message({}), "expected a command: train, encode. See prog --help");
  EXPECT_EQ(message({"--json", "train", "--input", "x"}),
            "--json stands before the command; its options follow it. See prog train --help");
  EXPECT_EQ(message({"encode"}), "--input is required. See prog encode --help");
  EXPECT_EQ(message({"encode", "--input", "x", "y"}),
            "\"y\" is not expected by prog encode. See prog encode --help");
  EXPECT_EQ(message({"train", "--vocab-size", "0", "--input", "x"}),
            "--vocab-size: expected a whole number of at least 1, got 0. See prog train --help");
}

TEST(DisplayWidthTest, CountsTerminalColumns) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("한국"), 4u);
  EXPECT_EQ(display_width("\u1112\u1161\u11ab"), 2u);  // one syllable of three letters
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("\U0001F642"), 2u);
  EXPECT_EQ(display_width("a\xff"), 2u);  // a bad byte is shown as one character
}

TEST(DisplayWidthTest, ACutNeverSplitsACharacter) {
  EXPECT_EQ(cut_to_width("한국어", 5), "한국");
  EXPECT_EQ(cut_to_width("한국어", 6), "한국어");
  EXPECT_EQ(cut_to_width("ae\u0301b", 2), "ae\u0301");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

TEST(TableTest, AlignsByDisplayWidth) {
  Table table({Align::kLeft, Align::kRight, Align::kLeft});
  table.set_header({"name", "n", "note"});
  table.add_row({"한", "12", ""});
  table.add_row({"abc", "3"});
  EXPECT_EQ(table.text(),
            "name   n  note\n"
            "----  --  ----\n"
            "한    12\n"
            "abc    3\n");
}

TEST(TableTest, TheRuleOfALongNoteEndsAtTheScreen) {
  Table table({Align::kLeft, Align::kLeft});
  table.set_header({"a", "note"});
  table.add_row({"x", std::string(300, 'n')});
  const std::string text = table.text();
  const size_t rule = text.find("\n-") + 1;
  EXPECT_EQ(text.find('\n', rule) - rule, 100u);
  EXPECT_THAT(text, HasSubstr(std::string(300, 'n') + "\n"));
}

TEST(ProgressLineTest, ShowsShareTimeLeftAndDetail) {
  EXPECT_EQ(progress_line("read", {25, 100, 10}, "x/s"), "read  25 %  left 30.0 s  x/s");
  EXPECT_EQ(progress_line("read", {25, 100, 0.5}, ""), "read  25 %");  // too early to say
  EXPECT_EQ(progress_line("read", {100, 100, 10}, ""), "read 100 %");  // nothing is left
  EXPECT_EQ(progress_line("read", {120, 100, 10}, ""), "read 100 %");
  EXPECT_EQ(progress_line("score", {7, 0, 10}, "7 tokens"), "score  7 tokens");
}

// Draws on a terminal of 20 columns; returns what it received.
std::string drawn_on_terminal(const std::function<void()>& draw) {
  int master = -1, slave = -1;
  winsize size{};
  size.ws_row = 5;
  size.ws_col = 20;
  if (::openpty(&master, &slave, nullptr, nullptr, &size) != 0) return "no terminal";
  std::fflush(stderr);
  const int kept = ::dup(STDERR_FILENO);
  ::dup2(slave, STDERR_FILENO);
  draw();
  std::fflush(stderr);
  ::dup2(kept, STDERR_FILENO);
  std::string out(4096, '\0');
  const ssize_t count = ::read(master, out.data(), out.size());
  out.resize(count < 0 ? 0 : static_cast<size_t>(count));
  for (const int fd : {master, slave, kept}) ::close(fd);
  return out;
}

TEST(ProgressTest, ALineNeverWrapsAndIsTakenAway) {
  const std::string out = drawn_on_terminal([] {
    Progress progress("tokenise", true);
    while (progress.seconds() < 0.11) ::usleep(1000);  // drawn ten times a second
    progress.update(1, 4, "a detail that is too long");
  });
  EXPECT_THAT(out, StartsWith("\rtokenise  25 %  a d\x1b[K"));
  EXPECT_THAT(out, EndsWith("\r\x1b[K"));
}

TEST(ProgressTest, QuietMeansSilence) {
  EXPECT_EQ(drawn_on_terminal([] {
              std::fprintf(stderr, ".");
              Progress progress("tokenise", false);
              while (progress.seconds() < 0.11) ::usleep(1000);
              progress.update(1, 4);
            }),
            ".");
}

TEST(TokenTextTest, ShowsBytesThatAreNoText) {
  const auto tokenizer = test::tiny_tokenizer();
  const auto shown = [&](const std::string& text) {
    const auto ids = tokenizer->encode(text);
    return shown_token(*tokenizer, ids.at(0));
  };
  EXPECT_EQ(shown("Q"), "'Q'");
  EXPECT_EQ(shown("\n"), "'\\x0A'");
  EXPECT_EQ(shown("\U0001F642"), "'\\xF0'");  // its first byte alone is no character
  EXPECT_EQ(input_path("-"), "/dev/stdin");
  EXPECT_EQ(input_path("a"), "a");
}

}  // namespace
}  // namespace llm::apps
