#include "train/run_reporter.h"

namespace llm::train {

namespace {

class HeartbeatSink final : public MetricsSink {
 public:
  explicit HeartbeatSink(RunLease& lease) : lease_(lease) {}

  void record(const MetricsRecord& record) override {
    lease_.change([&](Heartbeat& h) {
      for (const auto& [name, value] : record.values) {
        if (name == "tokens_per_second") h.tokens_per_second = value;
        if (name == "eval_loss") h.eval_loss = value;
      }
    });
  }

 private:
  RunLease& lease_;
};

LeaseOptions lease_options(const LogSection& log, int64_t world_size) {
  return {.beat_seconds = log.heartbeat_seconds, .world_size = world_size};
}

}  // namespace

RunReporter::RunReporter(const std::filesystem::path& run_directory, const LogSection& log,
                         int64_t world_size)
    : run_directory_(std::filesystem::absolute(run_directory)),
      lease_(run_directory_, lease_options(log, world_size)) {
  if (!log.webhook.empty()) webhook_.emplace(log.webhook);
}

std::unique_ptr<MetricsSink> RunReporter::make_sink() {
  return std::make_unique<HeartbeatSink>(lease_);
}

void RunReporter::follow(TrainerSetup& setup, const TrainerState& state) {
  const auto newest = CheckpointFolder(run_directory_).newest();
  lease_.change([&](Heartbeat& h) {
    h.state = RunState::kTraining;
    h.step = state.step;
    h.total_steps = setup.total_steps;
    h.checkpoint_step = newest ? newest->step : -1;
    h.checkpoint = newest ? newest->directory.string() : "";
    if (state.step > 0) return;
    h.loss.reset();
    h.eval_loss.reset();
  });
  setup.on_step = [this](int64_t step, const StepReport& report) { step_done(step, report); };
  setup.on_event = [this](const RunEvent& event) { tell(event); };
  setup.before_write = [this] {
    require_lease();
    lease_.change([](Heartbeat& h) { h.state = RunState::kSaving; });
  };
  lease_.beat();
  first_step_.reset();
  if (!has_started_) {
    post("start",
         state.step == 0 ? "from the beginning" : "after step " + std::to_string(state.step));
  }
  has_started_ = true;
}

void RunReporter::step_done(int64_t step, const StepReport& report) {
  if (lease_.is_lost()) require_lease();
  if (!first_step_) first_step_ = FirstStep{.step = step};
  const auto done = static_cast<double>(step - first_step_->step);
  const double seconds = first_step_->since.seconds();
  lease_.change([&](Heartbeat& h) {
    h.state = RunState::kTraining;
    h.step = step;
    h.loss = report.loss;
    if (done > 0) h.eta_seconds = seconds / done * static_cast<double>(h.total_steps - step);
  });
}

void RunReporter::tell(const RunEvent& event) {
  lease_.change([&](Heartbeat& h) {
    if (event.kind == "evaluating") h.state = RunState::kEvaluating;
    if (event.kind != "saved") return;
    h.state = RunState::kTraining;
    h.checkpoint_step = event.step;
    h.checkpoint = std::filesystem::absolute(event.text).string();
  });
  if (event.kind != "saved" && event.kind != "evaluating") post(event.kind, event.text);
}

void RunReporter::ended(const RunSummary& summary) {
  const bool is_interrupted = summary.end == RunEnd::kInterrupted;
  lease_.change([&](Heartbeat& h) {
    h.state = is_interrupted ? RunState::kInterrupted : RunState::kFinished;
    h.step = summary.state.step;
  });
  post(is_interrupted ? "interrupted" : "finish", end_name(summary.end));
}

void RunReporter::failed(const std::string& message) {
  lease_.change([&](Heartbeat& h) {
    h.state = RunState::kFailed;
    h.error = message;
  });
  post("failure", message);
}

void RunReporter::post(const std::string& event, const std::string& text) {
  if (!webhook_) return;
  Heartbeat now;
  lease_.change([&](Heartbeat& h) { now = h; });
  webhook_->post({{"event", event},
                  {"run", run_directory_.string()},
                  {"host", now.owner.host},
                  {"step", now.step},
                  {"total_steps", now.total_steps},
                  {"loss", now.loss ? io::OrderedJson(*now.loss) : io::OrderedJson()},
                  {"text", text},
                  {"time", utc_time()}});
}

}  // namespace llm::train
