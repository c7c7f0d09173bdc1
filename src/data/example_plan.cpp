#include "data/example_plan.h"

#include <algorithm>
#include <numeric>
#include <span>

#include "llm/core/arith.h"
#include "llm/core/rng.h"

namespace llm::data {

namespace {

// Streams of random numbers of one epoch.
enum class PlanStream : uint64_t { kSamples = 1, kRows = 2 };

uint64_t plan_seed(const ExamplePlanInput& input, PlanStream stream, int64_t part) {
  const uint64_t of_epoch = core::mix_seed(input.options.seed, static_cast<uint64_t>(input.epoch));
  return core::mix_seed(core::mix_seed(of_epoch, static_cast<uint64_t>(stream)),
                        static_cast<uint64_t>(part));
}

std::vector<int32_t> sample_order(const ExamplePlanInput& input) {
  std::vector<int32_t> order(input.lengths.size());
  std::iota(order.begin(), order.end(), 0);
  if (!input.options.shuffle) return order;
  const core::Permutation shuffled(order.size(), plan_seed(input, PlanStream::kSamples, 0));
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(shuffled(i));
  return order;
}

// The rows of one window, in random order: best fit makes the first rows those of the longest.
void pack_window(const ExamplePlanInput& input, std::span<const int32_t> samples, int64_t window,
                 ExamplePlan& plan) {
  std::vector<int64_t> lengths;
  for (const int32_t sample : samples)
    lengths.push_back(input.lengths[static_cast<size_t>(sample)]);
  const auto rows = pack_best_fit(lengths, input.options.capacity);
  const core::Permutation shuffled(rows.size(), plan_seed(input, PlanStream::kRows, window));
  for (size_t i = 0; i < rows.size(); ++i) {
    for (const int32_t item : rows[input.options.shuffle ? shuffled(i) : i]) {
      plan.order.push_back(samples[static_cast<size_t>(item)]);
    }
    plan.row_begin.push_back(static_cast<int64_t>(plan.order.size()));
  }
}

void pack_best_fit_windows(const ExamplePlanInput& input, ExamplePlan& plan) {
  const std::vector<int32_t> order = sample_order(input);
  const auto window = static_cast<size_t>(input.options.window);
  plan.row_begin = {0};
  for (size_t begin = 0; begin < order.size(); begin += window) {
    const auto samples = std::span(order).subspan(begin, std::min(window, order.size() - begin));
    pack_window(input, samples, static_cast<int64_t>(begin / window), plan);
  }
}

// Returns the number of example rows.
int64_t fill_rows(const ExamplePlanInput& input, ExamplePlan& plan) {
  switch (input.options.packing) {
    case Packing::kBestFit:
      pack_best_fit_windows(input, plan);
      break;
    case Packing::kOff:
      plan.order = sample_order(input);
      plan.row_begin.resize(plan.order.size() + 1);
      std::iota(plan.row_begin.begin(), plan.row_begin.end(), int64_t{0});
      break;
    case Packing::kWrapped:
      plan.order = sample_order(input);
      plan.token_begin = {0};
      for (const int32_t sample : plan.order) {
        plan.token_begin.push_back(plan.token_begin.back() +
                                   input.lengths[static_cast<size_t>(sample)]);
      }
      return core::div_ceil(plan.token_begin.back(), input.options.capacity);
  }
  return static_cast<int64_t>(plan.row_begin.size()) - 1;
}

int64_t tokens_of_row(const ExamplePlanInput& input, const ExamplePlan& plan, int64_t row) {
  if (input.options.packing == Packing::kWrapped) {
    const int64_t begin = row * input.options.capacity;
    return std::min(input.options.capacity, plan.token_begin.back() - begin);
  }
  int64_t tokens = 0;
  for (int64_t i = plan.row_begin[static_cast<size_t>(row)];
       i < plan.row_begin[static_cast<size_t>(row) + 1]; ++i) {
    tokens += input.lengths[static_cast<size_t>(plan.order[static_cast<size_t>(i)])];
  }
  return tokens;
}

}  // namespace

ExamplePlan make_example_plan(const ExamplePlanInput& input) {
  ExamplePlan plan;
  const int64_t rows = fill_rows(input, plan);
  const ReplayOptions& replay = input.options.replay;
  const double ratio = replay.fraction / (1 - replay.fraction);  // replayed to example tokens
  const int64_t replay_tokens = replay.fraction > 0 ? replay.dataset->context_length() : 0;
  int64_t num_replayed = 0;
  double example_tokens = 0;
  for (int64_t row = 0; row < rows; ++row) {
    plan.entries.push_back(row);
    example_tokens += static_cast<double>(tokens_of_row(input, plan, row));
    // The nearest whole number of replay rows at every place, so that the share holds throughout.
    while (replay.fraction > 0 &&
           (static_cast<double>(num_replayed) + 0.5) * static_cast<double>(replay_tokens) <
               ratio * example_tokens) {
      plan.entries.push_back(-1 - num_replayed);
      ++num_replayed;
    }
  }
  plan.num_tokens = static_cast<int64_t>(example_tokens) + num_replayed * replay_tokens;
  return plan;
}

}  // namespace llm::data
