#include "llm/train/step_trace.h"

#include <fmt/format.h>

#include <algorithm>

#include "llm/io/atomic_file.h"
#include "train/rank_exchange.h"

namespace llm::train {

namespace {

using Track = TraceSpan::Track;

double trace_seconds(TraceSpan::Time from, TraceSpan::Time to) {
  return std::chrono::duration<double>(to - from).count();
}

double micros(TraceSpan::Time time) {
  return std::chrono::duration<double, std::micro>(time.time_since_epoch()).count();
}

io::Json event_json(const TraceSpan& span, int rank) {
  io::Json event{{"ph", "X"},
                 {"name", span.name},
                 {"pid", rank},
                 {"tid", span.track == Track::kCompute ? 0 : 1},
                 {"ts", micros(span.begin)},
                 {"dur", 1e6 * trace_seconds(span.begin, span.end)}};
  if (span.bytes > 0) event["args"] = {{"bytes_sent", span.bytes}};
  return event;
}

io::Json name_json(const char* what, const std::string& name, int rank, int track) {
  return {{"ph", "M"}, {"name", what}, {"pid", rank}, {"tid", track}, {"args", {{"name", name}}}};
}

// Of a span, the time that lies in spans of that name.
double seconds_under(const TraceSpan& span, const std::vector<TraceSpan>& spans, const char* name) {
  double seconds = 0;
  for (const TraceSpan& other : spans) {
    if (other.track != Track::kCompute || other.name != name) continue;
    const auto begin = std::max(span.begin, other.begin), end = std::min(span.end, other.end);
    if (begin < end) seconds += trace_seconds(begin, end);
  }
  return seconds;
}

}  // namespace

void StepTrace::add(TraceSpan span) {
  const std::lock_guard lock(mutex_);
  spans_.push_back(std::move(span));
}

void StepTrace::add_collective(const dist::CollectiveTiming& timing) {
  add({.track = Track::kCommunication,
       .name = fmt::format("{} of {}", timing.name, timing.label),
       .begin = timing.begin,
       .end = timing.end,
       .bytes = timing.bytes_sent});
}

void StepTrace::clear() {
  const std::lock_guard lock(mutex_);
  spans_.clear();
}

std::vector<TraceSpan> StepTrace::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

StepTrace::Scope::Scope(StepTrace* trace, std::string name)
    : trace_(trace), name_(std::move(name)), begin_(std::chrono::steady_clock::now()) {}

StepTrace::Scope::~Scope() {
  if (trace_ == nullptr) return;
  trace_->add({.name = std::move(name_), .begin = begin_, .end = std::chrono::steady_clock::now()});
}

Overlap measure_overlap(const std::vector<TraceSpan>& spans) {
  Overlap overlap;
  for (const TraceSpan& span : spans) {
    if (span.track != Track::kCommunication) continue;
    const double seconds = trace_seconds(span.begin, span.end);
    if (span.name.find("of weight") != std::string::npos) overlap.weight_seconds += seconds;
    if (span.name.find("of gradient") == std::string::npos) continue;
    overlap.gradient_seconds += seconds;
    overlap.hidden_seconds += seconds_under(span, spans, kBackwardSpan);
    overlap.hidden_seconds -= seconds_under(span, spans, kBufferSpan);
  }
  return overlap;
}

void write_trace(const std::filesystem::path& path, dist::ProcessGroup& group,
                 const StepTrace& trace) {
  io::Json own = io::Json::array();
  own.push_back(name_json("process_name", fmt::format("rank {}", group.rank()), group.rank(), 0));
  own.push_back(name_json("thread_name", "compute", group.rank(), 0));
  own.push_back(name_json("thread_name", "communication", group.rank(), 1));
  for (const TraceSpan& span : trace.spans()) own.push_back(event_json(span, group.rank()));
  io::Json events = io::Json::array();
  for (const io::Json& part : exchange(group, own, "trace"))
    events.insert(events.end(), part.begin(), part.end());
  if (group.rank() > 0) return;
  io::write_file_atomically(
      path, io::Json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump() + "\n");
}

}  // namespace llm::train
