#include "llm/corpus/input_files.h"

#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <set>

#include "corpus/format_detection.h"
#include "llm/core/error.h"
#include "llm/io/file.h"

namespace llm::corpus {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::vector<fs::path> sorted(std::vector<fs::path> paths) {
  std::ranges::sort(paths, {}, [](const fs::path& path) { return path.native(); });
  return paths;
}

std::vector<fs::path> files_below(const fs::path& folder, DocumentFormat format) {
  std::vector<fs::path> files;
  const auto options = fs::directory_options::follow_directory_symlink;
  auto entries = fs::recursive_directory_iterator(folder, options);
  for (auto entry = fs::begin(entries); entry != fs::end(entries); ++entry) {
    if (is_hidden(entry->path())) {
      entry.disable_recursion_pending();
      continue;
    }
    const auto found = format_by_name(entry->path());
    const bool is_wanted = found && (format == DocumentFormat::kAuto || *found == format);
    if (is_wanted && entry->is_regular_file()) files.push_back(entry->path());
  }
  if (files.empty()) {
    throw core::DataError(
        {.where = folder.string(),
         .expected = "files that end in .jsonl, .txt, .md or .html (also with .gz, .zst)",
         .got = "none",
         .hint = "Name the files themselves to read them whatever they are called"});
  }
  return sorted(std::move(files));
}

std::vector<fs::path> files_matching(const std::string& pattern, const std::string& where) {
  glob_t found{};
  const int status = ::glob(pattern.c_str(), GLOB_BRACE | GLOB_TILDE, nullptr, &found);
  std::vector<fs::path> files(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  std::erase_if(files, [](const fs::path& path) { return !fs::is_regular_file(path); });
  if (status != 0 || files.empty()) {
    throw core::ConfigError({.where = where,
                             .expected = "a file that matches " + pattern,
                             .got = "none",
                             .hint = "Check the path, and the folder you are in"});
  }
  return sorted(std::move(files));
}

std::vector<fs::path> expand(const std::string& input, DocumentFormat format,
                             const std::string& where) {
  if (input == "-") return {io::kStandardInput};
  const fs::path path(input);
  if (fs::is_directory(path)) return files_below(path, format);
  if (fs::exists(path)) return {path};
  if (input.find_first_of("*?[") != std::string::npos) return files_matching(input, where);
  throw core::ConfigError({.where = where,
                           .expected = "a file or folder",
                           .got = fmt::format("{}, which is not there", input),
                           .hint = "Check the path, and the folder you are in"});
}

}  // namespace

const std::vector<std::pair<DocumentFormat, std::string>>& config_enum_names(DocumentFormat) {
  static const std::vector<std::pair<DocumentFormat, std::string>> names = {
      {DocumentFormat::kAuto, "auto"},
      {DocumentFormat::kJsonl, "jsonl"},
      {DocumentFormat::kText, "text"},
      {DocumentFormat::kHtml, "html"}};
  return names;
}

std::vector<InputFile> find_input_files(const std::vector<std::string>& inputs,
                                        DocumentFormat format, const std::string& where) {
  if (inputs.empty()) {
    throw core::ConfigError({.where = where,
                             .expected = "at least one file or folder",
                             .got = "none",
                             .hint = "Name the files to read, or folders and patterns of them"});
  }
  std::vector<InputFile> files;
  std::set<fs::path> seen;
  for (size_t i = 0; i < inputs.size(); ++i) {
    for (const fs::path& path : expand(inputs[i], format, where)) {
      std::error_code unused;
      if (!seen.insert(fs::weakly_canonical(path, unused)).second) continue;
      const bool is_auto = format == DocumentFormat::kAuto;
      files.push_back({path, is_auto ? detect_format(path) : format, i});
    }
  }
  return files;
}

}  // namespace llm::corpus
