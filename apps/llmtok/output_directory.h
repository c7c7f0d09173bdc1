// Where a command writes a tokenizer.
#pragma once

#include <filesystem>
#include <string>

#include "llm/io/made_folders.h"

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
  void keep();

 private:
  std::filesystem::path path_;
  bool is_new_ = false;  // and to be removed
  io::MadeFolders folders_;
};

}  // namespace llm::apps
