#include "llmtrain/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "common/interrupt.h"
#include "common/table.h"
#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/io/atomic_file.h"
#include "llm/io/config_json.h"
#include "llm/train/loop_config.h"

namespace llm::apps {
namespace {

constexpr size_t kMostPoints = 1000;

core::ConfigError bad_sweep(const std::string& where, const std::string& got) {
  return core::ConfigError({where, "a list of values for every key, {\"optim.lr\": [1e-4, 3e-4]}",
                            got, "See llmtrain orpo --help"});
}

// As a person would write it on the command line.
std::string value_text(const core::ConfigNode& value, const std::string& where) {
  using Kind = core::ConfigNode::Kind;
  if (value.kind == Kind::kArray || value.kind == Kind::kObject || value.kind == Kind::kNull)
    throw bad_sweep(where, "a value that is no number, string or boolean");
  std::string text = core::json_text(value);
  if (text.size() >= 2 && text.front() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

std::string safe_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool is_safe = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '=' ||
                         c == '-' || c == '_' || c == '+';
    name += is_safe ? c : '-';
  }
  return name;
}

// "optim.lr=1e-4" -> "lr=1e-4".
std::string short_assignment(const std::string& assignment) {
  const size_t dot = assignment.substr(0, assignment.find('=')).rfind('.');
  return assignment.substr(dot == std::string::npos ? 0 : dot + 1);
}

void name_points(std::vector<SweepPoint>& points) {
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].name = fmt::format("{:02}", i + 1);
    for (const std::string& assignment : points[i].assignments)
      points[i].name += "-" + safe_name(short_assignment(assignment));
  }
}

struct SweepResult {
  SweepPoint point;
  train::RunSummary summary;
};

bool is_better(const SweepResult& a, const SweepResult& b) {
  const auto& x = a.summary.state.best_eval;
  const auto& y = b.summary.state.best_eval;
  if (!x || !y) return x.has_value() && !y.has_value();
  return train::is_larger_better(a.summary.best_metric) ? *x > *y : *x < *y;
}

io::OrderedJson results_json(const std::vector<SweepResult>& results) {
  io::OrderedJson json = io::OrderedJson::array();
  for (const auto& [point, s] : results) {
    const auto& best = s.state.best_eval;
    json.push_back({{"settings", point.assignments},
                    {"metric", s.best_metric},
                    {"best", best ? io::OrderedJson(*best) : io::OrderedJson()},
                    {"best_step", s.state.best_step},
                    {"end", end_name(s.end)},
                    {"step", s.state.step},
                    {"run_directory", s.run_directory.string()},
                    {"checkpoint", s.checkpoint.string()}});
  }
  return json;
}

void print_results(const std::vector<SweepResult>& results) {
  using enum Align;
  Table table({kLeft, kRight, kRight, kLeft, kLeft});
  table.add_row({"settings", results.front().summary.best_metric, "at step", "run", "directory"});
  for (const auto& [point, s] : results) {
    table.add_row({fmt::format("{}", fmt::join(point.assignments, " ")),
                   s.state.best_eval ? fmt::format("{:.4f}", *s.state.best_eval) : "-",
                   std::to_string(s.state.best_step), end_name(s.end), s.run_directory.string()});
  }
  fmt::print("{}", table.text());
}

}  // namespace

std::vector<SweepPoint> read_sweep(const std::string& file) {
  const core::ConfigNode root = io::load_config_file(file);
  std::vector<SweepPoint> points(1);
  for (const auto& [key, values] : root.members) {
    if (values.kind != core::ConfigNode::Kind::kArray || values.items.empty())
      throw bad_sweep(file + ": " + key, "something else");
    std::vector<SweepPoint> next;
    for (const SweepPoint& point : points) {
      for (const core::ConfigNode& value : values.items) {
        next.push_back(point);
        next.back().assignments.push_back(key + "=" + value_text(value, file + ": " + key));
      }
    }
    points = std::move(next);
    if (points.size() > kMostPoints) throw bad_sweep(file, "more than 1000 combinations");
  }
  if (root.members.empty()) throw bad_sweep(file, "no key");
  name_points(points);
  return points;
}

void run_sweep(const RunOptions& options, const GlobalOptions& global, const PointRun& run) {
  const auto points = read_sweep(options.sweep);
  const core::ConfigNode base = options.config.read_node();
  const RankSession ranks = options.session(global);
  const train::SessionOptions& session = ranks.options;
  std::vector<SweepResult> results;
  for (const SweepPoint& point : points) {
    core::ConfigNode config = base;
    for (const std::string& assignment : point.assignments) io::apply_override(config, assignment);
    train::SessionOptions own = session;
    own.run_directory = session.run_directory / point.name;
    core::log_info("point {} of {}: {}", results.size() + 1, points.size(),
                   fmt::join(point.assignments, " "));
    results.push_back({point, ranks.run([&] { return run(config, own); })});
    if (results.back().summary.end == train::RunEnd::kInterrupted) {
      if (session.group->rank() > 0) throw AlreadyTold{kExitInterrupted};
      throw Interrupted{.note =
                            fmt::format("at point {} of {}; the same command goes on from there",
                                        results.size(), points.size())};
    }
  }
  if (session.group->rank() > 0) return;
  std::ranges::stable_sort(results, is_better);
  io::write_file_atomically(session.run_directory / "sweep.json",
                            results_json(results).dump(2) + "\n");
  if (global.json) {
    fmt::print("{}\n", io::dump_json(results_json(results)));
  } else if (!global.quiet) {
    print_results(results);
  }
}

}  // namespace llm::apps
