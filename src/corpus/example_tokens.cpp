#include "corpus/example_tokens.h"

#include <fmt/format.h>

#include <limits>

#include "corpus/example_format.h"

namespace llm::corpus {
namespace {

constexpr int64_t kNotTrained = -100;

const io::OrderedJson& number_list(const ExampleRow& row, const std::string& column) {
  const io::OrderedJson* value = row.find(column);
  if (!value) row.fail(column, "a list of numbers", "nothing");
  if (!value->is_array()) row.fail(column, "a list of numbers", json_kind(*value));
  return *value;
}

int64_t number_at(const ExampleRow& row, const std::string& column, size_t index) {
  const io::OrderedJson& value = (*row.find(column))[index];
  const std::string place = fmt::format("{}[{}]", column, index);
  if (!value.is_number_integer()) row.fail(place, "a whole number", json_kind(value));
  const bool is_large =
      value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int32_t>::max();
  const int64_t number = is_large ? std::numeric_limits<int64_t>::max() : value.get<int64_t>();
  if (number > std::numeric_limits<int32_t>::max() || number < std::numeric_limits<int32_t>::min())
    row.fail(place, "a token id", value.dump());
  return number;
}

void check_length(const ExampleRow& row, const std::string& column, size_t length) {
  const size_t size = number_list(row, column).size();
  if (size != length)
    row.fail(column, fmt::format("{} numbers, as there are ids", length), std::to_string(size));
}

// Padding would count as text.
void check_mask(const ExampleRow& row, const std::string& column, size_t length) {
  if (!row.has(column)) return;
  check_length(row, column, length);
  for (size_t i = 0; i < length; ++i)
    if (number_at(row, column, i) != 1)
      row.fail(fmt::format("{}[{}]", column, i), "1", std::to_string(number_at(row, column, i)),
               "Write the ids without padding");
}

TrainingDocument parse_document(const ExampleRow& row, const std::string& ids_column,
                                const std::string& labels_column, const std::string& mask_column) {
  const size_t length = number_list(row, ids_column).size();
  TrainingDocument out;
  for (size_t i = 0; i < length; ++i) {
    const int64_t id = number_at(row, ids_column, i);
    if (id < 0) row.fail(fmt::format("{}[{}]", ids_column, i), "a token id", std::to_string(id));
    out.ids.push_back(static_cast<int32_t>(id));
  }
  check_mask(row, mask_column, length);
  out.trained.assign(length, true);
  if (!row.has(labels_column)) return out;
  check_length(row, labels_column, length);
  for (size_t i = 0; i < length; ++i) {
    const int64_t label = number_at(row, labels_column, i);
    out.trained[i] = label != kNotTrained;
    if (out.trained[i] && label != out.ids[i])
      row.fail(fmt::format("{}[{}]", labels_column, i),
               fmt::format("{}, the id at this place, or -100", out.ids[i]), std::to_string(label),
               "Labels are not shifted: training compares them with the token before by itself");
  }
  return out;
}

}  // namespace

std::vector<TrainingDocument> parse_token_documents(const ExampleRow& row) {
  const ExampleColumns& c = row.columns();
  const std::string chosen_ids = pair_column(c.chosen, c.input_ids);
  if (!row.has(chosen_ids)) return {parse_document(row, c.input_ids, c.labels, c.attention_mask)};
  std::vector<TrainingDocument> pair;
  for (const std::string& side : {c.chosen, c.rejected}) {
    pair.push_back(parse_document(row, pair_column(side, c.input_ids), pair_column(side, c.labels),
                                  pair_column(side, c.attention_mask)));
  }
  return pair;
}

}  // namespace llm::corpus
