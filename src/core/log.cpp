#include "llm/core/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "llm/core/error.h"

namespace llm::core {
namespace {

class Log {
 public:
  Log()
      : terminal_(std::make_shared<spdlog::sinks::stderr_color_sink_mt>()),
        sinks_(std::make_shared<spdlog::sinks::dist_sink_mt>()),
        logger_("llmtrain", sinks_) {
    sinks_->add_sink(terminal_);
    logger_.flush_on(spdlog::level::trace);
    configure({});
  }

  void configure(const LogConfig& config) {
    rank_ = config.world_size > 1 ? fmt::format("[rank {}] ", config.rank) : "";
    terminal_->set_pattern("[%T] " + rank_ + "%^%l%$: %v");
    if (file_ != nullptr) file_->set_pattern(file_pattern());
    const LogLevel level =
        config.rank == 0 ? config.level : std::max(config.level, LogLevel::kWarn);
    logger_.set_level(spdlog_level(level));
  }

  void set_file(const std::string& path) {
    if (file_ != nullptr) sinks_->remove_sink(file_);
    file_ = nullptr;
    if (path.empty()) return;
    try {
      file_ = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
    } catch (const spdlog::spdlog_ex& error) {
      throw IoError({.where = path,
                     .expected = "a log file that can be written",
                     .got = error.what(),
                     .hint = "Check that the folder exists and may be written to"},
                    errno);
    }
    file_->set_pattern(file_pattern());
    sinks_->add_sink(file_);
  }

  void write(LogLevel level, const std::string& message) {
    logger_.log(spdlog_level(level), spdlog::string_view_t(message));
  }

 private:
  std::string file_pattern() const { return "%Y-%m-%d %T.%e " + rank_ + "%l: %v"; }

  static spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
      case LogLevel::kDebug:
        return spdlog::level::debug;
      case LogLevel::kInfo:
        return spdlog::level::info;
      case LogLevel::kWarn:
        return spdlog::level::warn;
      case LogLevel::kError:
        return spdlog::level::err;
    }
    return spdlog::level::info;
  }

  std::shared_ptr<spdlog::sinks::stderr_color_sink_mt> terminal_;
  std::shared_ptr<spdlog::sinks::basic_file_sink_mt> file_;
  std::shared_ptr<spdlog::sinks::dist_sink_mt> sinks_;
  spdlog::logger logger_;
  std::string rank_;
};

Log& the_log() {
  static Log log;
  return log;
}

}  // namespace

void configure_log(const LogConfig& config) { the_log().configure(config); }
void set_log_file(const std::string& path) { the_log().set_file(path); }
void log_message(LogLevel level, const std::string& message) { the_log().write(level, message); }

}  // namespace llm::core
