// Where a command writes a tokenizer.
#pragma once

#include <filesystem>
#include <string>

namespace llm::apps {

// The directory to write, made before the work begins, so that a bad --out costs nothing. What was
// made is removed again unless the tokenizer lies in it.
class OutputDirectory {
 public:
  // `force`: a tokenizer that lies there may be replaced. Throws: ConfigError, IoError.
  OutputDirectory(const std::string& out, bool force);
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void keep() { made_.clear(); }

 private:
  std::filesystem::path path_;
  std::filesystem::path made_;  // the topmost folder that was not there before; "": none
};

}  // namespace llm::apps
