#include "train/skip_log.h"

#include <algorithm>

#include "llm/core/error.h"
#include "llm/io/atomic_file.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

fs::path log_path(const fs::path& run_directory) { return run_directory / "skipped_rows.json"; }

bool is_same(const SkippedRows& a, const SkippedRows& b) {
  return a.rows == b.rows && a.step == b.step && a.by_rollback == b.by_rollback;
}

}  // namespace

io::OrderedJson skipped_to_json(const std::vector<SkippedRows>& skipped) {
  io::OrderedJson list = io::OrderedJson::array();
  for (const SkippedRows& skip : skipped) {
    list.push_back({{"begin", skip.rows.begin},
                    {"end", skip.rows.end},
                    {"step", skip.step},
                    {"cause", skip.cause},
                    {"rollback", skip.by_rollback}});
  }
  return list;
}

std::vector<SkippedRows> skipped_from_json(const io::OrderedJson& json) {
  std::vector<SkippedRows> skipped;
  for (const io::OrderedJson& skip : json) {
    skipped.push_back({{skip.at("begin").get<int64_t>(), skip.at("end").get<int64_t>()},
                       skip.at("step").get<int64_t>(),
                       skip.at("cause").get<std::string>(),
                       skip.at("rollback").get<bool>()});
  }
  return skipped;
}

std::vector<SkippedRows> read_skip_log(const fs::path& run_directory) {
  const fs::path path = log_path(run_directory);
  if (!fs::exists(path)) return {};
  try {
    return skipped_from_json(io::read_ordered_json_file(path).at("skipped"));
  } catch (const io::OrderedJson::exception& problem) {
    throw core::FormatError({path.string(), "a list of skipped rows", problem.what(),
                             "Restore the file; without it the run cannot be repeated exactly"});
  }
}

void write_skip_log(const fs::path& run_directory, const std::vector<SkippedRows>& skipped) {
  const io::OrderedJson json = {{"version", 1}, {"skipped", skipped_to_json(skipped)}};
  io::write_file_atomically(log_path(run_directory), json.dump(2) + "\n");
}

std::vector<SkippedRows> joined_skips(std::vector<SkippedRows> of_checkpoint,
                                      const std::vector<SkippedRows>& of_run) {
  for (const SkippedRows& skip : of_run) {
    const bool is_known = std::ranges::any_of(
        of_checkpoint, [&](const SkippedRows& known) { return is_same(known, skip); });
    if (!is_known) of_checkpoint.push_back(skip);
  }
  return of_checkpoint;
}

std::vector<data::RowRange> rows_of(const std::vector<SkippedRows>& skipped) {
  std::vector<data::RowRange> rows;
  for (const SkippedRows& skip : skipped) rows.push_back(skip.rows);
  return data::joined_ranges(std::move(rows));
}

}  // namespace llm::train
