#include "corpus/example_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "llm/core/config.h"

namespace llm::corpus {
namespace {

using Names = std::vector<std::string>;

constexpr std::array kFormats = {
    ExampleFormat::kText,     ExampleFormat::kAlpaca,           ExampleFormat::kSharegpt,
    ExampleFormat::kMessages, ExampleFormat::kPromptCompletion, ExampleFormat::kPreference,
    ExampleFormat::kTokens};

// Any of these sets of columns makes a row one of the format.
std::vector<Names> needed_columns(ExampleFormat format, const ExampleColumns& c) {
  switch (format) {
    case ExampleFormat::kText:
      return {{c.text}};
    case ExampleFormat::kAlpaca:
      return {{c.instruction, c.output}};
    case ExampleFormat::kSharegpt:
      return {{c.conversations}};
    case ExampleFormat::kMessages:
      return {{c.messages}};
    case ExampleFormat::kPromptCompletion:
      return {{c.prompt, c.completion}};
    case ExampleFormat::kPreference:
      return {{c.chosen, c.rejected}};
    default:
      return {{c.input_ids},
              {pair_column(c.chosen, c.input_ids), pair_column(c.rejected, c.input_ids)}};
  }
}

Names optional_columns(ExampleFormat format, const ExampleColumns& c) {
  switch (format) {
    case ExampleFormat::kText:
      return {};
    case ExampleFormat::kAlpaca:
      return {c.input, c.system, c.history, c.tools};
    case ExampleFormat::kPreference:
      return {c.prompt, c.conversations, c.instruction, c.input, c.history, c.system, c.tools};
    case ExampleFormat::kTokens:
      return {c.labels,
              c.attention_mask,
              pair_column(c.chosen, c.labels),
              pair_column(c.rejected, c.labels),
              pair_column(c.chosen, c.attention_mask),
              pair_column(c.rejected, c.attention_mask)};
    default:
      return {c.system, c.tools};
  }
}

bool fits(const ExampleRow& row, ExampleFormat format) {
  return std::ranges::any_of(needed_columns(format, row.columns()), [&](const Names& set) {
    return std::ranges::all_of(set, [&](const std::string& name) { return row.has(name); });
  });
}

std::vector<ExampleFormat> fitting_formats(const ExampleRow& row) {
  std::vector<ExampleFormat> found;
  const bool is_preference = fits(row, ExampleFormat::kPreference);
  for (const ExampleFormat format : kFormats) {
    const bool is_its_prompt = is_preference && format == ExampleFormat::kSharegpt;
    if (fits(row, format) && !is_its_prompt) found.push_back(format);
  }
  return found;
}

std::string described(ExampleFormat format, const ExampleColumns& columns) {
  std::vector<std::string> sets;
  for (const Names& set : needed_columns(format, columns))
    sets.push_back(fmt::format("{}", fmt::join(set, ", ")));
  return fmt::format("{} ({})", format_name(format), fmt::join(sets, "; or "));
}

std::string shown_columns(const ExampleRow& row) {
  const Names names = row.names();
  if (names.empty()) return "no column at all";
  constexpr size_t kMost = 12;
  const Names first(names.begin(),
                    names.begin() + static_cast<ptrdiff_t>(std::min(kMost, names.size())));
  return fmt::format("the columns {}{}", fmt::join(first, ", "),
                     names.size() > kMost ? ", ..." : "");
}

// For a column that is nearly called as one that a format needs.
std::string naming_hint(const ExampleRow& row, std::span<const ExampleFormat> formats) {
  const std::string hint =
      "Name columns that are called otherwise, in the settings of \"columns\" or with flags such "
      "as "
      "--columns-prompt";
  for (const ExampleFormat format : formats) {
    for (const Names& set : needed_columns(format, row.columns())) {
      for (const std::string& wanted : set) {
        const std::string near = row.has(wanted) ? "" : core::nearest_name(wanted, row.names());
        if (!near.empty())
          return fmt::format("{}; is \"{}\" what is \"{}\" here?", hint, near, wanted);
      }
    }
  }
  return hint;
}

[[noreturn]] void fail_no_format(const ExampleRow& row) {
  std::vector<std::string> known;
  for (const ExampleFormat format : kFormats) known.push_back(described(format, row.columns()));
  row.fail("", fmt::format("a row of one of the formats {}", fmt::join(known, ", ")),
           shown_columns(row), naming_hint(row, kFormats));
}

}  // namespace

const std::vector<std::pair<ExampleFormat, std::string>>& config_enum_names(ExampleFormat) {
  static const std::vector<std::pair<ExampleFormat, std::string>> names = {
      {ExampleFormat::kAuto, "auto"},
      {ExampleFormat::kText, "text"},
      {ExampleFormat::kAlpaca, "alpaca"},
      {ExampleFormat::kSharegpt, "sharegpt"},
      {ExampleFormat::kMessages, "messages"},
      {ExampleFormat::kPromptCompletion, "prompt_completion"},
      {ExampleFormat::kPreference, "preference"},
      {ExampleFormat::kTokens, "tokens"}};
  return names;
}

const std::string& format_name(ExampleFormat format) {
  return config_enum_names(format)[static_cast<size_t>(format)].second;
}

std::string pair_column(const std::string& side, const std::string& column) {
  return side.empty() || column.empty() ? "" : side + "_" + column;
}

ExampleFormat detect_format(const io::OrderedJson& json, const ExampleColumns& columns,
                            const std::string& where) {
  const ExampleRow row(json, columns, where);
  const auto found = fitting_formats(row);
  if (found.size() == 1) return found[0];
  if (found.empty()) fail_no_format(row);
  std::vector<std::string> shown;
  for (const ExampleFormat format : found) shown.push_back(described(format, columns));
  row.fail("", "a row of one format", fmt::format("one that fits {}", fmt::join(shown, " and ")),
           fmt::format("Say which one is meant, such as format {}", format_name(found.back())));
}

std::vector<std::string> unused_columns(const io::OrderedJson& json, const ExampleColumns& columns,
                                        ExampleFormat format) {
  const std::string where;
  const ExampleRow row(json, columns, where);
  std::set<std::string> used;
  for (const Names& set : needed_columns(format, columns)) used.insert(set.begin(), set.end());
  for (const std::string& name : optional_columns(format, columns)) used.insert(name);
  Names unused = row.names();
  std::erase_if(unused, [&](const std::string& name) { return used.contains(name); });
  return unused;
}

void require_format(const ExampleRow& row, ExampleFormat format) {
  if (fits(row, format)) return;
  const auto found = fitting_formats(row);
  if (found.empty() && row.names().empty()) fail_no_format(row);
  const std::string got =
      found.empty() ? shown_columns(row)
                    : fmt::format("a row of the format {}", described(found[0], row.columns()));
  row.fail("", fmt::format("a row of the format {}", described(format, row.columns())), got,
           found.empty() ? naming_hint(row, std::span(&format, 1))
                         : "All rows of a file have the format of its first row: split the file");
}

}  // namespace llm::corpus
