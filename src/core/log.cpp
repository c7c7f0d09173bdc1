#include "llm/core/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/dist_sink.h>
#include <spdlog/sinks/ringbuffer_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "llm/core/error.h"

namespace llm::core {
namespace {

// Lines that wait for a log file to be opened.
constexpr size_t kKeptLines = 256;

// Throws: spdlog_ex.
spdlog::sink_ptr open_log_file(const std::string& path, const LogRotation& rotation) {
  if (rotation.max_bytes == 0) return std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
  return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
      path, rotation.max_bytes, static_cast<size_t>(rotation.keep_files));
}

class Log {
 public:
  Log()
      : terminal_(std::make_shared<spdlog::sinks::stderr_color_sink_mt>()),
        sinks_(std::make_shared<spdlog::sinks::dist_sink_mt>()),
        logger_("llmtrain", sinks_) {
    sinks_->add_sink(terminal_);
    logger_.flush_on(spdlog::level::trace);
    configure({});
    keep_lines();
  }

  void configure(const LogConfig& config) {
    rank_ = config.world_size > 1 ? fmt::format("[rank {}] ", config.rank) : "";
    terminal_->set_pattern("[%T] " + rank_ + "%^%l%$: %v");
    if (file_ != nullptr) file_->set_pattern(file_pattern());
    const LogLevel level =
        config.rank == 0 ? config.level : std::max(config.level, LogLevel::kError);
    terminal_->set_level(spdlog_level(level));
    logger_.set_level(spdlog_level(std::min(level, LogLevel::kInfo)));
  }

  void set_file(const std::string& path, const LogRotation& rotation) {
    if (file_ != nullptr) {
      sinks_->remove_sink(file_);
      file_logger_ = nullptr;
      file_ = nullptr;
      keep_lines();
    }
    if (path.empty()) return;
    try {
      file_ = open_log_file(path, rotation);
    } catch (const spdlog::spdlog_ex& error) {
      throw IoError({.where = path,
                     .expected = "a log file that can be written",
                     .got = error.what(),
                     .hint = "Check that the folder exists and may be written to"},
                    errno);
    }
    file_->set_pattern(file_pattern());
    file_logger_ = std::make_unique<spdlog::logger>("llmtrain", file_);
    file_logger_->flush_on(spdlog::level::trace);
    sinks_->remove_sink(kept_);
    for (const auto& line : kept_->last_raw()) file_->log(line);
    file_->flush();
    sinks_->add_sink(file_);
  }

  void write_to_file(LogLevel level, const std::string& message) {
    if (file_logger_ == nullptr) return;
    file_logger_->log(spdlog_level(level), spdlog::string_view_t(message));
  }

  void write(LogLevel level, const std::string& message) {
    logger_.log(spdlog_level(level), spdlog::string_view_t(message));
  }

 private:
  void keep_lines() {
    kept_ = std::make_shared<spdlog::sinks::ringbuffer_sink_mt>(kKeptLines);
    sinks_->add_sink(kept_);
  }

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
  spdlog::sink_ptr file_;
  std::shared_ptr<spdlog::sinks::ringbuffer_sink_mt> kept_;  // receives lines while file_ is null
  std::unique_ptr<spdlog::logger> file_logger_;
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
void set_log_file(const std::string& path, const LogRotation& rotation) {
  the_log().set_file(path, rotation);
}
void log_to_file(LogLevel level, const std::string& message) {
  the_log().write_to_file(level, message);
}
void log_message(LogLevel level, const std::string& message) { the_log().write(level, message); }

}  // namespace llm::core
