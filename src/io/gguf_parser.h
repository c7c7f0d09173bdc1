// Fills a GgufFile from its mapped bytes.
#pragma once

#include "io/gguf_cursor.h"
#include "llm/io/gguf.h"

namespace llm::io {

class GgufParser {
 public:
  // Requires: file.file_ and file.name_ are set.
  explicit GgufParser(GgufFile& file) : file_(file), cursor_(file.file_.bytes(), *file.name_) {}

  void parse();

  static GgufValue make_value(GgufType type, std::span<const std::byte> bytes, std::string_view key,
                              const std::string& file);

 private:
  struct Counts {
    uint64_t tensors;
    uint64_t entries;
  };
  void parse_version();
  Counts parse_counts();
  void parse_entry();
  void parse_alignment();
  void parse_tensor();
  std::vector<int64_t> parse_shape();
  void place_tensor(GgufTensor& tensor, uint64_t position);
  void check_data();

  GgufFile& file_;
  GgufCursor cursor_;
};

}  // namespace llm::io
