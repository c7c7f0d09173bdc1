#include <fmt/format.h>

#include <algorithm>

#include "llm/core/config.h"
#include "llm/core/error.h"
#include "llm/io/checkpoint_list.h"
#include "llm/io/file.h"
#include "llm/text/chat_template.h"

namespace llm::text {

namespace fs = std::filesystem;

ChatTemplate find_template(const std::string& name_or_file, TemplateTokens tokens) {
  const auto names = named_templates();
  if (std::ranges::find(names, name_or_file) != names.end())
    return ChatTemplate::named(name_or_file, std::move(tokens));
  std::error_code unused;
  const bool is_folder = fs::is_directory(name_or_file, unused);
  if (!is_folder && fs::exists(name_or_file, unused))
    return ChatTemplate::from_jinja(io::read_file(name_or_file), std::move(tokens), name_or_file);
  const std::string near = core::nearest_name(name_or_file, names);
  throw core::ConfigError(
      {"chat template", fmt::format("a Jinja file, or one of {}", fmt::join(names, ", ")),
       fmt::format("'{}', which is {}", name_or_file, is_folder ? "a folder" : "no file"),
       near.empty() ? "" : fmt::format("Did you mean {}?", near)});
}

std::string template_origin(const fs::path& path) {
  if (path.extension() == ".gguf") return path.string() + ": tokenizer.chat_template";
  const std::vector<io::Checkpoint> checkpoints = io::list_checkpoints(path);
  fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  if (!checkpoints.empty()) folder = checkpoints.back().directory;
  const fs::path jinja = folder / "chat_template.jinja", config = folder / "tokenizer_config.json";
  if (fs::exists(jinja)) return jinja.string();
  if (!fs::exists(config)) return "";
  const io::Json json = io::read_json_file(config);
  const bool has_template = json.is_object() && !json.value("chat_template", io::Json()).is_null();
  return has_template ? config.string() + ": chat_template" : "";
}

}  // namespace llm::text
