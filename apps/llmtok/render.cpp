#include <fmt/format.h>

#include <memory>

#include "common/output.h"
#include "common/token_text.h"
#include "common/validators.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/json.h"
#include "llm/io/line_reader.h"
#include "llm/text/chat_template.h"
#include "llm/text/tokenizer.h"
#include "llmtok/commands.h"
#include "llmtok/render_warnings.h"

namespace llm::apps {
namespace {

constexpr const char* kRenderExamples =
    "  llmtok render --tokenizer model --messages talk.json --add-generation-prompt\n"
    "  llmtok render --tokenizer tok --template chatml --messages talk.json --json\n"
    "  llmtok render --tokenizer model --messages talk.json --kwarg enable_thinking=false";

struct RenderCommand {
  std::string tokenizer;
  std::string messages;
  std::string chat_template;  // a name or a file; "": the model's own
  std::vector<std::string> variables;
  bool add_generation_prompt = false;
};

text::ChatTemplate find_template(const RenderCommand& command, const text::Tokenizer& tokenizer) {
  text::TemplateTokens tokens = text::template_tokens(tokenizer);
  const std::string& wanted = command.chat_template;
  if (wanted.empty()) {
    if (!tokenizer.chat_template().empty())
      return text::ChatTemplate::from_jinja(tokenizer.chat_template(), std::move(tokens),
                                            text::template_origin(command.tokenizer));
    throw core::ConfigError(
        {command.tokenizer, "a chat template", "none", "Name one with --template"});
  }
  return text::find_template(wanted, std::move(tokens));
}

std::string read_messages(const std::string& argument) {
  io::ByteReader reader(input_path(argument));
  std::string bytes;
  for (;;) {
    char chunk[size_t{1} << 14];
    const size_t count = reader.read(chunk, sizeof(chunk));
    if (count == 0) return bytes;
    bytes.append(chunk, count);
  }
}

// Lists of messages, or objects with "messages" and what else the template may ask for.
text::RenderRequest read_request(const RenderCommand& command) {
  const std::string name = io::shown_path(input_path(command.messages));
  io::OrderedJson json = io::parse_ordered_json(read_messages(command.messages), name);
  text::RenderRequest request;
  request.add_generation_prompt = command.add_generation_prompt;
  const bool has_messages = json.is_array() || (json.is_object() && json.contains("messages"));
  if (!has_messages)
    throw core::DataError({name, "a list of messages, or an object with \"messages\"",
                           json.is_object() ? "an object without them" : json.type_name(), ""});
  if (!json.is_object()) {
    request.messages = std::move(json);
    return request;
  }
  for (const auto& [key, value] : json.items()) {
    if (key == "messages") {
      request.messages = value;
    } else if (key == "tools") {
      request.tools = value;
    } else if (key == "add_generation_prompt") {
      if (!value.is_boolean())
        throw core::DataError({name + ": " + key, "true or false", value.type_name(), ""});
      request.add_generation_prompt = request.add_generation_prompt || value.get<bool>();
    } else {
      request.variables[key] = value;
    }
  }
  return request;
}

// key=value, where the value is JSON, or else text as it stands.
void add_variable(const std::string& argument, text::RenderRequest& request) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos || equals == 0)
    throw core::ConfigError({"--kwarg", "name=value", "'" + argument + "'", ""});
  const std::string value = argument.substr(equals + 1);
  const std::string name = argument.substr(0, equals);
  try {
    request.variables[name] = io::is_json(value) ? io::parse_ordered_json(value, "--kwarg " + name)
                                                 : io::OrderedJson(value);
  } catch (const core::FormatError& error) {
    throw core::ConfigError(error.info());
  }
}

io::OrderedJson segments_json(const std::vector<text::Segment>& segments) {
  io::OrderedJson out = io::OrderedJson::array();
  for (const text::Segment& segment : segments) {
    io::OrderedJson one = {{"text", segment.text},
                           {"template", segment.is_template},
                           {"trainable", segment.trainable}};
    if (segment.message >= 0) one["message"] = segment.message;
    if (!segment.role.empty()) one["role"] = segment.role;
    if (!segment.field.empty()) one["field"] = segment.field;
    out.push_back(std::move(one));
  }
  return out;
}

void run_render(const RenderCommand& command, const GlobalOptions& global) {
  const auto tokenizer = text::load_tokenizer(command.tokenizer);
  text::RenderRequest request = read_request(command);
  for (const std::string& variable : command.variables) add_variable(variable, request);
  const text::ChatTemplate chat_template = find_template(command, *tokenizer);
  const auto segments = chat_template.render(request);
  for (const std::string& warning : unshown_parts(chat_template, request, segments))
    core::log_warn("{}", warning);
  const std::string whole = text::joined_text(segments);
  if (!global.json) return write_output(whole);
  const text::EncodedSegments encoded = text::encode_segments(*tokenizer, segments);
  io::OrderedJson mask = io::OrderedJson::array();
  for (const bool trainable : encoded.trainable) mask.push_back(trainable ? 1 : 0);
  write_output(io::dump_json({{"text", whole},
                              {"ids", encoded.ids},
                              {"loss_mask", mask},
                              {"segments", segments_json(segments)}}) +
               "\n");
}

}  // namespace

void add_render_command(Program& program) {
  auto command = std::make_shared<RenderCommand>();
  CLI::App& app = program.add_command(
      "render", "A conversation as its chat template writes it, exactly", kRenderExamples,
      [command](const GlobalOptions& global) { run_render(*command, global); });
  app.add_option("--tokenizer", command->tokenizer,
                 "tokenizer, model or run directory, tokenizer file, or GGUF file")
      ->required()
      ->type_name("PATH");
  app.add_option("--messages", command->messages,
                 "JSON: a list of messages, or {\"messages\": [...], \"tools\": [...], ...}; - for "
                 "stdin")
      ->required()
      ->type_name("FILE");
  app.add_option("--template", command->chat_template,
                 "chatml, llama2, llama3, mistral, zephyr, alpaca, plain, or a Jinja file "
                 "[the model's own]")
      ->type_name("NAME|FILE");
  app.add_option("--kwarg", command->variables, "a variable of the template; the value may be JSON")
      ->type_name("NAME=VALUE")
      ->check(valid_utf8());
  app.add_flag("--add-generation-prompt", command->add_generation_prompt,
               "open the assistant's next turn");
}

}  // namespace llm::apps
