#include "common/errors.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <new>

#include "common/interrupt.h"
#include "llm/core/check.h"
#include "llm/io/json.h"

namespace llm::apps {
namespace {

// A path that is wrong is the user's; a disk that is full is not.
int io_exit_code(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case ENAMETOOLONG:
    case ELOOP:
      return kExitUsage;
    default:
      return kExitFailure;
  }
}

}  // namespace

int ErrorReporter::report(const char* kind, int exit_code, const std::string& message) const {
  fmt::print(stderr, "{}: error: {}\n", program, message);
  if (json) {
    const io::OrderedJson error = {
        {"error", {{"kind", kind}, {"exit_code", exit_code}, {"message", message}}}};
    fmt::print("{}\n", error.dump(-1, ' ', false, io::Json::error_handler_t::replace));
  }
  return exit_code;
}

int ErrorReporter::report(const char* kind, int exit_code, const core::Error& error) const {
  fmt::print(stderr, "{}: error: {}\n", program, error.what());
  if (json) {
    const core::ErrorInfo& info = error.info();
    const io::OrderedJson object = {{"error",
                                     {{"kind", kind},
                                      {"exit_code", exit_code},
                                      {"message", error.what()},
                                      {"where", info.where},
                                      {"expected", info.expected},
                                      {"got", info.got},
                                      {"hint", info.hint}}}};
    fmt::print("{}\n", object.dump(-1, ' ', false, io::Json::error_handler_t::replace));
  }
  return exit_code;
}

int ErrorReporter::report_usage(const std::string& message) const {
  return report("usage", kExitUsage, message + ". See " + program + " --help");
}

int ErrorReporter::report_current_exception() const {
  try {
    throw;
  } catch (const Interrupted&) {
    return report("interrupted", kExitInterrupted, "interrupted");
  } catch (const ResultIsFailure&) {
    return kExitFailure;
  } catch (const core::ConfigError& error) {
    return report("config", kExitUsage, error);
  } catch (const core::DataError& error) {
    return report("data", kExitData, error);
  } catch (const core::FormatError& error) {
    return report("format", kExitData, error);
  } catch (const core::IoError& error) {
    return report("io", io_exit_code(error.error_number()), error);
  } catch (const core::Error& error) {
    return report("failure", kExitFailure, error);
  } catch (const core::ContractViolation& error) {
    return report("bug", kExitFailure,
                  std::string(error.what()) + ". This is a bug in llmtrain; please report it");
  } catch (const std::bad_alloc&) {
    return report("memory", kExitFailure, "out of memory");
  } catch (const std::exception& error) {
    return report("failure", kExitFailure, error.what());
  }
}

}  // namespace llm::apps
