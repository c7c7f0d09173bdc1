// Text tables with aligned columns, for terminals and logs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace llm::apps {

// Columns that a terminal needs for UTF-8 text: 2 for East Asian wide characters and emoji, 0 for
// combining marks and control characters.
size_t display_width(std::string_view text);
// The longest part from the front that is at most `width` wide.
std::string cut_to_width(std::string_view text, size_t width);

enum class Align { kLeft, kRight };

class Table {
 public:
  // One alignment per column.
  explicit Table(std::vector<Align> columns) : columns_(std::move(columns)) {}
  // Underlined (up to 100 columns), and so set apart from the rows.
  void set_header(std::vector<std::string> cells) { header_ = std::move(cells); }
  // Requires: at most as many cells as columns.
  void add_row(std::vector<std::string> cells);
  // Every line ends with '\n'; columns are two spaces apart.
  std::string text() const;

 private:
  std::vector<size_t> widths() const;
  std::string line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  std::vector<Align> columns_;
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace llm::apps
