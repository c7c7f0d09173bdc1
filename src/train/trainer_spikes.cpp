// What a trainer does about a step whose loss leaps, or is no number.
#include <fmt/format.h>

#include <algorithm>

#include "llm/core/error.h"
#include "llm/core/log.h"
#include "llm/train/trainer.h"
#include "train/checkpoint_saver.h"
#include "train/rank_exchange.h"
#include "train/rank_phase.h"

namespace llm::train {

namespace {

// Losses that stay above the window's are no spikes any more.
constexpr int64_t kMostSkipsInARow = 10;

std::string join_ids(const std::vector<data::Batch>& batches) {
  constexpr size_t kShown = 16;
  std::string text;
  size_t count = 0;
  for (const auto& batch : batches) {
    for (const uint64_t id : batch.document_ids) {
      if (count++ < kShown) text += fmt::format("{}{:016x}", text.empty() ? "" : " ", id);
    }
  }
  if (count > kShown) text += fmt::format(" and {} more", count - kShown);
  return text;
}

}  // namespace

// All ranks have the same loss and norm, and so come here together.
void Trainer::answer_spike(const std::string& cause, const std::vector<data::Batch>& batches) {
  store_.zero_gradients();
  const SpikeSection& spikes = setup_.loop.spikes;
  const bool skips = spikes.action == SpikeAction::kSkip && skips_in_a_row_ < kMostSkipsInARow;
  const bool goes_back =
      spikes.action == SpikeAction::kRollback && num_rollbacks() < spikes.max_rollbacks;
  if (skips) return skip_step(cause);
  if (goes_back) return roll_back(cause);
  refuse_step(cause, batches);
}

void Trainer::refuse_step(const std::string& cause, const std::vector<data::Batch>& batches) {
  const std::string documents = join_texts(*setup_.group, join_ids(batches), "documents");
  finish_saving();
  throw core::NumericError({fmt::format("step {}", state_.step + 1),
                            "a finite loss and gradient norm, and no spike",
                            fmt::format("{} on documents {}", cause, documents),
                            fmt::format("The weights from before this step are saved as step {}. "
                                        "Look at these documents, lower optim.lr, lengthen "
                                        "optim.schedule.warmup_steps, or set spikes.action",
                                        state_.step)});
}

void Trainer::skip_step(const std::string& cause) {
  ++skips_in_a_row_;
  const int64_t step = state_.step + 1;
  leave_out({loader_.step_rows(), step, cause, /*by_rollback=*/false});
  state_.next_row = loader_.state();
  core::log_warn("step {}: {}; its rows {} to {} are left out", step, cause,
                 loader_.step_rows().begin, loader_.step_rows().end);
}

// What was trained since goes: its checkpoints first, so that a run that dies in between finds
// neither them nor, a second time, anything but the same spike.
void Trainer::roll_back(const std::string& cause) {
  const int64_t step = state_.step + 1;
  saver_->wait();
  const SavedPoint point = saver_->newest_before(step - setup_.loop.spikes.rollback_steps + 1);
  saver_->set_aside_after(point.step);
  leave_out({{point.next_row, loader_.state()}, step, cause, /*by_rollback=*/true});
  core::log_warn("step {}: {}; going back to step {} and leaving out rows {} to {}", step, cause,
                 point.step, point.next_row, loader_.state());
  if (setup_.on_event && is_first_rank())
    setup_.on_event({"rollback", step, fmt::format("back to step {}: {}", point.step, cause)});
  is_rolled_back_ = true;
}

void Trainer::leave_out(SkippedRows skipped) {
  if (setup_.on_event && is_first_rank()) setup_.on_event({"spike", skipped.step, skipped.cause});
  state_.skipped.push_back(std::move(skipped));
  run_on_all_ranks(*setup_.group, "recording the skipped rows", [&] {
    if (is_first_rank()) setup_.record_skips(state_.skipped);
  });
}

int64_t Trainer::num_rollbacks() const {
  return std::ranges::count_if(state_.skipped,
                               [](const SkippedRows& skip) { return skip.by_rollback; });
}

}  // namespace llm::train
