// RUN/skipped_rows.json: the rows that the run left out, known before training goes on without
// them, so that a run that is resumed from an older checkpoint leaves out the same.
//   {"version": 1, "skipped": [{"begin": 640, "end": 672, "step": 20, "cause": "...",
//                               "rollback": false}, ...]}
#pragma once

#include <filesystem>
#include <vector>

#include "llm/io/json.h"
#include "llm/train/checkpoint.h"

namespace llm::train {

io::OrderedJson skipped_to_json(const std::vector<SkippedRows>& skipped);
std::vector<SkippedRows> skipped_from_json(const io::OrderedJson& json);

// Empty where there is no file. Throws: IoError, FormatError.
std::vector<SkippedRows> read_skip_log(const std::filesystem::path& run_directory);
// Durable when it returns. Throws: IoError.
void write_skip_log(const std::filesystem::path& run_directory,
                    const std::vector<SkippedRows>& skipped);

// What either has, those of the checkpoint first.
std::vector<SkippedRows> joined_skips(std::vector<SkippedRows> of_checkpoint,
                                      const std::vector<SkippedRows>& of_run);

std::vector<data::RowRange> rows_of(const std::vector<SkippedRows>& skipped);

}  // namespace llm::train
