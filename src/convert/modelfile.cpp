#include "llm/convert/modelfile.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "llm/convert/turn_template.h"
#include "llm/core/error.h"
#include "llm/text/chat_template.h"

namespace llm::convert {
namespace {

constexpr int64_t kMaxContext = 8192;  // Ollama allocates the whole of num_ctx at once

std::string in_quotes(const std::string& text) { return "\"\"\"" + text + "\"\"\""; }

// For Ollama's parser a value in """ ends at the first line that ends with """, white space aside.
bool closes_quotes(std::string_view line) {
  const size_t last = line.find_last_not_of(" \t\r");
  return last != line.npos && line.substr(0, last + 1).ends_with("\"\"\"");
}

// Whether a value would not end before its end.
bool is_quotable(const std::string& text) {
  size_t begin = 0;
  for (size_t end = text.find('\n'); end != text.npos; end = text.find('\n', begin)) {
    if (closes_quotes(std::string_view(text).substr(begin, end - begin))) return false;
    begin = end + 1;
  }
  return true;
}

// A template that would end too early gets actions that print nothing.
std::string quotable_template(const std::string& go) {
  std::string out;
  for (size_t begin = 0; begin <= go.size();) {
    const size_t end = std::min(go.find('\n', begin), go.size());
    const std::string line = go.substr(begin, end - begin);
    out += line;
    if (end < go.size()) out += closes_quotes(line) ? "{{ \"\" }}\n" : "\n";
    begin = end + 1;
  }
  return out;
}

std::string parameter(const char* name, const std::string& value) {
  return fmt::format("PARAMETER {} {}\n", name, value);
}

std::string quoted_value(const std::string& text) {
  const bool is_plain = text.find_first_of("\"\n\r") == text.npos;
  return is_plain ? "\"" + text + "\"" : in_quotes(text);
}

std::set<int32_t> stop_ids(const ModelSource& source) {
  std::set<int32_t> ids;
  for (const int32_t id : source.tokenizer->stop_ids()) ids.insert(id);
  for (const int64_t id : source.config.eos_token_ids) ids.insert(static_cast<int32_t>(id));
  for (const int64_t id : source.generation.eos_token_ids) ids.insert(static_cast<int32_t>(id));
  std::erase_if(ids, [&](int32_t id) { return id < 0 || id >= source.tokenizer->vocab_size(); });
  return ids;
}

std::string stop_parameters(const ModelSource& source) {
  std::string out;
  if (!source.tokenizer) return out;
  for (const int32_t id : stop_ids(source)) {
    const std::string text = source.tokenizer->decode(std::vector<int32_t>{id});
    if (!text.empty() && is_quotable(text)) out += parameter("stop", quoted_value(text));
  }
  return out;
}

std::string sampling_parameters(const ModelSource& source) {
  const GenerationConfig& hints = source.generation;
  std::string out;
  const auto add = [&](const char* name, const auto& value) {
    if (value) out += parameter(name, fmt::format("{}", *value));
  };
  const bool is_greedy = hints.do_sample == false;
  add("temperature", is_greedy ? std::optional<double>(0) : hints.temperature);
  add("top_p", hints.top_p);
  add("top_k", hints.top_k);
  add("min_p", hints.min_p);
  add("repeat_penalty", hints.repetition_penalty);
  if (hints.repetition_penalty) out += parameter("repeat_last_n", "-1");
  add("num_predict", hints.max_new_tokens);
  const int64_t longest = source.config.max_position_embeddings;
  if (longest > kMaxContext)
    out += fmt::format("# The model can take {}; memory grows with this.\n", longest);
  return out + parameter("num_ctx", fmt::format("{}", std::min(longest, kMaxContext)));
}

void drop_front(std::string& text, const std::string& front) {
  if (!front.empty() && text.starts_with(front)) text.erase(0, front.size());
}

// llama.cpp puts BOS before the prompt where the tokenizer does: not twice.
void drop_added_bos(const text::Tokenizer& tokenizer, TurnTemplate& turns) {
  const auto bos = tokenizer.bos_id();
  const std::vector<int32_t> ids = tokenizer.encode("", {.add_special = true});
  if (!bos || ids.empty() || ids.front() != *bos) return;
  drop_front(turns.open, tokenizer.piece(*bos));
  drop_front(turns.open_system, tokenizer.piece(*bos));
}

std::optional<TurnTemplate> turns_of(const ModelSource& source) {
  const text::TemplateTokens tokens =
      source.tokenizer ? text::template_tokens(*source.tokenizer) : text::TemplateTokens{};
  try {
    return find_turns(text::ChatTemplate::from_jinja(source.chat_template, tokens));
  } catch (const core::Error&) {
    return std::nullopt;  // no template that we can run
  }
}

void add_template(const ModelSource& source, TurnTemplate turns, Modelfile& file) {
  if (source.tokenizer) drop_added_bos(*source.tokenizer, turns);
  file.text += "TEMPLATE " + in_quotes(quotable_template(go_template(turns))) + "\n";
  if (turns.trims) file.text += "# The model's template also trims white space around messages.\n";
  if (!turns.has_system) file.text += "# The model's template takes no system message.\n";
  if (!turns.default_system.empty() && is_quotable(turns.default_system))
    file.text += "SYSTEM " + in_quotes(turns.default_system) + "\n";
  if (source.chat_template.find("strftime_now") != std::string::npos)
    file.warnings.emplace_back(
        "the chat template asks for the date: the Modelfile's TEMPLATE holds today's");
}

void add_no_template(Modelfile& file) {
  file.text +=
      "# TEMPLATE is missing: the model's chat template has no equal in Ollama's language.\n"
      "# Ollama falls back on what it detects in the GGUF file.\n";
  file.warnings.emplace_back(
      "the chat template has no equal in Ollama's template language: the Modelfile has no "
      "TEMPLATE, and Ollama falls back on what it detects in the GGUF file");
}

}  // namespace

std::filesystem::path modelfile_path(const std::filesystem::path& gguf) {
  return std::filesystem::path(gguf).replace_extension(".Modelfile");
}

Modelfile make_modelfile(const ModelSource& source, const std::string& gguf_name) {
  Modelfile file;
  file.text = fmt::format("# For Ollama, in this folder: ollama create NAME -f \"{}\"\n",
                          modelfile_path(gguf_name).string());
  file.text += fmt::format("FROM ./{}\n", gguf_name);
  if (!source.chat_template.empty()) {
    if (auto turns = turns_of(source))
      add_template(source, std::move(*turns), file);
    else
      add_no_template(file);
  } else {
    file.text += "TEMPLATE \"\"\"{{ .Prompt }}\"\"\"\n";
  }
  file.text += stop_parameters(source) + sampling_parameters(source);
  return file;
}

}  // namespace llm::convert
