#include "common/errors.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <new>
#include <system_error>

#include "common/interrupt.h"
#include "llm/core/check.h"
#include "llm/io/json.h"

namespace llm::apps {
namespace {

// A path that is wrong is the user's mistake; a full disk has no room for the data.
int io_exit_code(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case ENAMETOOLONG:
    case ELOOP:
    case EROFS:
      return kExitUsage;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return kExitData;
    default:
      return kExitFailure;
  }
}

io::OrderedJson error_json(const char* kind, int exit_code, const std::string& message) {
  return {{"kind", kind}, {"exit_code", exit_code}, {"message", message}};
}

// Never throws: a standard output that cannot be written may be the error that is being reported.
void print_json(const io::OrderedJson& error) {
  const std::string line = io::dump_json({{"error", error}}) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
}

}  // namespace

int ErrorReporter::report(const char* kind, int exit_code, const std::string& message) const {
  fmt::print(stderr, "{}: error: {}\n", program, message);
  if (json) print_json(error_json(kind, exit_code, message));
  return exit_code;
}

int ErrorReporter::report(const char* kind, int exit_code, const core::Error& error) const {
  fmt::print(stderr, "{}: error: {}\n", program, error.what());
  if (!json) return exit_code;
  const core::ErrorInfo& info = error.info();
  io::OrderedJson object = error_json(kind, exit_code, error.what());
  object["where"] = info.where;
  object["expected"] = info.expected;
  object["got"] = info.got;
  object["hint"] = info.hint;
  print_json(object);
  return exit_code;
}

int ErrorReporter::report_usage(const std::string& message) const {
  return report("usage", kExitUsage, message);
}

int ErrorReporter::report_foreign(const std::exception& error) const {
  const auto translated = translate ? translate(error) : std::nullopt;
  if (translated) return report(translated->kind, kExitFailure, translated->message);
  return report("failure", kExitFailure, error.what());
}

int ErrorReporter::report_current_exception() const {
  try {
    throw;
  } catch (const Interrupted& interruption) {
    const std::string message =
        interruption.note.empty() ? "interrupted" : "interrupted " + interruption.note;
    fmt::print(stderr, "{}: {}\n", program, message);
    if (json && !interruption.has_result) {
      print_json(error_json("interrupted", kExitInterrupted, message));
    }
    return kExitInterrupted;
  } catch (const AlreadyTold& told) {
    return told.exit_code;
  } catch (const core::ConfigError& error) {
    return report("config", kExitUsage, error);
  } catch (const core::DataError& error) {
    return report("data", kExitData, error);
  } catch (const core::FormatError& error) {
    return report("format", kExitData, error);
  } catch (const core::IoError& error) {
    return report("io", io_exit_code(error.error_number()), error);
  } catch (const core::PeerError&) {
    return kExitFailure;
  } catch (const core::Error& error) {
    return report("failure", kExitFailure, error);
  } catch (const core::ContractViolation& error) {
    return report("bug", kExitFailure,
                  std::string(error.what()) + ". This is a bug in llmtrain; please report it");
  } catch (const std::bad_alloc&) {
    return report("memory", kExitFailure, "out of memory");
  } catch (const std::system_error& error) {
    return report("io", io_exit_code(error.code().value()), error.what());
  } catch (const std::exception& error) {
    return report_foreign(error);
  }
}

}  // namespace llm::apps
