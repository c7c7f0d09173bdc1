#include "llm/corpus/example.h"

#include <algorithm>

#include "corpus/example_dialogue.h"
#include "corpus/example_format.h"
#include "corpus/example_row.h"
#include "corpus/example_tokens.h"
#include "llm/core/error.h"

namespace llm::corpus {
namespace {

// {prompt, completion, label}: answers of which some are bad.
void refuse_unpaired_preference(const ExampleRow& row) {
  const auto label = row.json().find("label");
  if (label == row.json().end() || !label->is_boolean()) return;
  row.fail("label", "an answer to learn", "an answer that is marked good or bad",
           "Keep the rows with label true, and drop the column");
}

ExampleKind kind_of(ExampleFormat format) {
  switch (format) {
    case ExampleFormat::kText:
      return ExampleKind::kText;
    case ExampleFormat::kPreference:
      return ExampleKind::kPreference;
    case ExampleFormat::kTokens:
      return ExampleKind::kTokens;
    default:
      return ExampleKind::kDialogue;
  }
}

}  // namespace

uint64_t count_trained(const TrainingDocument& document) {
  const std::vector<bool>& trained = document.trained;
  if (trained.empty()) return 0;
  return static_cast<uint64_t>(std::count(trained.begin() + 1, trained.end(), true));
}

io::OrderedJson parse_example_json(std::string_view line, const std::string& where) {
  try {
    return io::parse_ordered_json(line, "");
  } catch (const core::FormatError& error) {
    // The text is a line of a file: its column counts, its own line is always the first.
    core::ErrorInfo info = error.info();
    const std::string_view place = info.where;
    info.where = where + std::string(place.starts_with(":1:") ? place.substr(2) : "");
    if (info.hint.empty()) info.hint = "Every line of a JSON lines file holds one object";
    throw core::DataError(info);
  }
}

Example parse_example(const io::OrderedJson& json, const ExampleColumns& columns,
                      ExampleFormat format, const std::string& where) {
  const ExampleRow row(json, columns, where);
  const bool is_auto = format == ExampleFormat::kAuto;
  if (is_auto) format = detect_format(json, columns, where);
  require_format(row, format);
  Example example;
  example.kind = kind_of(format);
  example.format = format;
  example.where = where;
  switch (format) {
    case ExampleFormat::kText:
      example.text = row.text(columns.text);
      break;
    case ExampleFormat::kAlpaca:
      parse_alpaca(row, example);
      break;
    case ExampleFormat::kSharegpt:
      parse_message_list(row, columns.conversations, example);
      break;
    case ExampleFormat::kMessages:
      parse_message_list(row, columns.messages, example);
      break;
    case ExampleFormat::kPromptCompletion:
      refuse_unpaired_preference(row);
      parse_prompt_completion(row, example);
      break;
    case ExampleFormat::kPreference:
      parse_preference(row, example);
      break;
    default:
      example.documents = parse_token_documents(row);
  }
  return example;
}

}  // namespace llm::corpus
