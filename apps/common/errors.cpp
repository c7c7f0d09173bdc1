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

// Neither throws: an output that cannot be written may be the error that is being reported.
void print_line(const std::string& line) {
  const std::string text = line + "\n";
  std::fwrite(text.data(), 1, text.size(), stderr);
}
void print_json(const io::OrderedJson& error) {
  const std::string line = io::dump_json({{"error", error}}) + "\n";
  std::fwrite(line.data(), 1, line.size(), stdout);
}

}  // namespace

int ErrorReporter::report(const DescribedError& error) const {
  print_line(fmt::format("{}: error: {}", program, error.message));
  if (!json) return error.exit_code;
  io::OrderedJson object = error_json(error.kind, error.exit_code, error.message);
  if (error.info) {
    object["where"] = error.info->where;
    object["expected"] = error.info->expected;
    object["got"] = error.info->got;
    object["hint"] = error.info->hint;
  }
  print_json(object);
  return error.exit_code;
}

int ErrorReporter::report_usage(const std::string& message) const {
  return report({"usage", kExitUsage, message});
}

DescribedError ErrorReporter::describe_foreign(const std::exception& error) const {
  const auto translated = translate ? translate(error) : std::nullopt;
  if (translated) return {translated->kind, kExitFailure, translated->message};
  return {"failure", kExitFailure, error.what()};
}

DescribedError ErrorReporter::describe_current_exception() const {
  try {
    throw;
  } catch (const Interrupted& interruption) {
    return {"interrupted", kExitInterrupted,
            interruption.note.empty() ? "interrupted" : "interrupted " + interruption.note};
  } catch (const AlreadyTold& told) {
    return {"failure", told.exit_code, "told elsewhere"};
  } catch (const core::ConfigError& error) {
    return {"config", kExitUsage, error.what(), error.info()};
  } catch (const core::DataError& error) {
    return {"data", kExitData, error.what(), error.info()};
  } catch (const core::FormatError& error) {
    return {"format", kExitData, error.what(), error.info()};
  } catch (const core::IoError& error) {
    return {"io", io_exit_code(error.error_number()), error.what(), error.info()};
  } catch (const core::Error& error) {
    return {"failure", kExitFailure, error.what(), error.info()};
  } catch (const core::ContractViolation& error) {
    return {"bug", kExitFailure,
            std::string(error.what()) + ". This is a bug in llmtrain; please report it"};
  } catch (const std::bad_alloc&) {
    return {"memory", kExitFailure, "out of memory"};
  } catch (const std::system_error& error) {
    return {"io", io_exit_code(error.code().value()), error.what()};
  } catch (const std::exception& error) {
    return describe_foreign(error);
  }
}

int ErrorReporter::report_current_exception() const {
  const DescribedError error = describe_current_exception();
  try {
    throw;
  } catch (const Interrupted& interruption) {
    print_line(fmt::format("{}: {}", program, error.message));
    if (json && !interruption.has_result) {
      print_json(error_json(error.kind, error.exit_code, error.message));
    }
  } catch (const AlreadyTold&) {
  } catch (const core::PeerError&) {
  } catch (...) {
    report(error);
  }
  return error.exit_code;
}

}  // namespace llm::apps
