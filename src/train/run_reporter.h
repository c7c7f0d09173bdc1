// What a run tells the world beside its metrics: the sign of life in heartbeat.json, which is its
// lease, and the events that go to a webhook. Of rank 0.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "llm/train/session.h"
#include "train/run_lease.h"
#include "train/webhook.h"

namespace llm::train {

class RunReporter {
 public:
  // Takes the lease. Throws: ConfigError when another process has it, and for a webhook that is
  // none.
  RunReporter(const std::filesystem::path& run_directory, const LogSection& log,
              int64_t world_size);

  // Follows the training loop: sets the hooks of `setup`, which also end the run with a
  // LeaseLostError once another process has taken it over. Again after a rollback. Requires: the
  // reporter outlives the trainer.
  void follow(TrainerSetup& setup, const TrainerState& state);
  // Reads losses off the records; of the run's sinks.
  std::unique_ptr<MetricsSink> make_sink();

  void ended(const RunSummary& summary);
  void failed(const std::string& message);
  // Throws: LeaseLostError.
  void require_lease() { lease_.require_held(); }
  bool has_lost_lease() const { return lease_.is_lost(); }

 private:
  void step_done(int64_t step, const StepReport& report);
  void tell(const RunEvent& event);
  void post(const std::string& event, const std::string& text);

  std::filesystem::path run_directory_;
  RunLease lease_;
  std::optional<Webhook> webhook_;

  struct FirstStep {
    int64_t step = 0;
    core::Stopwatch since;
  };
  std::optional<FirstStep> first_step_;  // since follow()
  bool has_started_ = false;
};

}  // namespace llm::train
