// A config with every kind of field, for the tests of the visitors.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "llm/core/config.h"

namespace llm::core {

enum class Schedule { kConstant, kCosine };
inline const std::vector<std::pair<Schedule, std::string>>& config_enum_names(Schedule) {
  static const std::vector<std::pair<Schedule, std::string>> names{
      {Schedule::kConstant, "constant"}, {Schedule::kCosine, "cosine"}};
  return names;
}

struct SourceConfig {
  std::string path;
  double weight = 1.0;
  template <class V>
  void visit(V& v) {
    v.field("path", path, "where the text lies");
    v.field("weight", weight, "share of the mixture", more_than(0));
  }
};

struct OptimConfig {
  double lr = 3e-4;
  std::vector<double> betas{0.9, 0.95};
  std::optional<double> max_norm = 1.0;
  Schedule schedule = Schedule::kCosine;
  template <class V>
  void visit(V& v) {
    v.field("lr", lr, "peak learning rate", more_than(0));
    v.field("betas", betas, "decay of the moments", between_open_high(0, 1));
    v.field("max_norm", max_norm, "largest gradient norm; null: no clipping", at_least(0));
    v.field("schedule", schedule, "how the rate falls");
  }
};

struct RunConfigFixture {
  std::string name = "run";
  int64_t steps = 100;
  bool resume = true;
  std::optional<int64_t> seed;
  std::optional<std::string> note;
  std::vector<int64_t> milestones;
  std::vector<std::string> tags{"a"};
  OptimConfig optim;
  std::vector<SourceConfig> sources;
  template <class V>
  void visit(V& v) {
    v.field("name", name, "what the run is called");
    v.field("steps", steps, "optimizer steps", at_least(1));
    v.field("resume", resume, "go on from the last checkpoint");
    v.field("seed", seed, "of everything random");
    v.field("note", note, "free text");
    v.field("milestones", milestones, "steps to keep");
    v.field("tags", tags, "labels");
    v.section("optim", optim, "the optimizer");
    v.list("sources", sources, "one entry per corpus");
  }
};

}  // namespace llm::core
