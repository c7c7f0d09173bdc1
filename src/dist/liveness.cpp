#include "llm/dist/liveness.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "dist/news.h"
#include "dist/peer_links.h"
#include "dist/peer_table.h"

namespace llm::dist {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick(100);       // between looks at clocks and at must_leave
constexpr milliseconds kBeat(1000);      // between beats, at most
constexpr milliseconds kSettle(200);     // for news of an earlier failure to come in
constexpr milliseconds kPatience(5000);  // for news about a connection that broke
constexpr milliseconds kFarewell(1000);

}  // namespace

class Liveness::Thread {
 public:
  Thread(const Rendezvous& rendezvous, ProcessGroup& group, LivenessOptions options)
      : options_(std::move(options)),
        group_(group),
        links_(rendezvous, group),
        own_(group.rank()),
        size_(group.size()),
        table_(rendezvous.peers, own_, Clock::now()),
        thread_([this] { run(); }) {
    watch(group);
  }

  void watch(ProcessGroup& group) {
    group.watch_with([verdict = verdict_](const std::string& symptom) {
      const auto cause = verdict->wait(kPatience);
      return cause ? cause->text : symptom;
    });
    const std::lock_guard lock(mutex_);
    watched_.push_back(&group);
    if (const auto cause = verdict_->wait(milliseconds(0))) group.fail(cause->text);
  }

  ~Thread() {
    {
      const std::lock_guard lock(mutex_);
      is_ending_ = true;
    }
    links_.wake();
    thread_.join();
    verdict_->close();
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  FirstCause announce(const LastWords& words) {
    {
      const std::lock_guard lock(mutex_);
      announced_ = words;
    }
    links_.wake();
    return verdict_->wait(kPatience).value_or(table_.failed(words));
  }

  std::optional<FirstCause> first_cause(milliseconds patience) { return verdict_->wait(patience); }

 private:
  using Clock = std::chrono::steady_clock;

  void run() {
    while (true) {
      // First what has come, then the clocks: a process that was stopped for a while finds the
      // others' beats waiting.
      for (const PeerLinks::Event& event : links_.wait(kTick)) handle(event, Clock::now());
      if (!look_at_owner()) break;
      const SteadyTime now = Clock::now();
      send_beat(now);
      if (!verdict_is_out_) look_for_failures(now);
      settle(now);
    }
    for (int rank = 0; rank < size_; ++rank) links_.send(rank, {kFarewellName});
    links_.flush(kFarewell);
  }

  // Returns whether to go on.
  bool look_at_owner() {
    std::unique_lock lock(mutex_);
    if (is_ending_) return false;
    const auto words = std::exchange(announced_, std::nullopt);
    lock.unlock();
    if (words) consider({table_.failed(*words), Clock::now()});
    return true;
  }

  void handle(const PeerLinks::Event& event, SteadyTime now) {
    if (event.is_closed) {
      if (const auto cause = table_.closed(event.rank)) consider({*cause, now});
      return;
    }
    table_.heard(event.rank, now);
    const std::string& name = event.message.at(0);
    if (name == kBeatName) {
      table_.has_issued(event.rank, std::stoll(event.message.at(1)), event.message.at(2));
    } else {
      table_.excuse(event.rank);
      if (name == kNewsName) consider(to_news(event.message, now));
    }
  }

  void send_beat(SteadyTime now) {
    if (now < next_beat_) return;
    next_beat_ = now + std::min<milliseconds>(kBeat, options_.timeout / 4);
    const Position position = group_.position();
    for (int rank = 0; rank < size_; ++rank) {
      // A peer that is stopped gets one beat, not a thousand, when it goes on.
      if (links_.is_sent(rank)) {
        links_.send(rank, {kBeatName, std::to_string(position.issued), position.newest});
      }
    }
  }

  void look_for_failures(SteadyTime now) {
    if (const auto cause = table_.find_silent(now, options_.timeout)) consider({*cause, now});
    if (const auto cause = table_.find_stuck(group_.position(), now, options_.timeout)) {
      // Who waits for a process that has just been stopped may notice before its silence is long.
      const auto silent = table_.find_silent(now, options_.timeout * 3 / 4);
      consider({silent.value_or(*cause), now});
    }
    if (!options_.must_leave || is_leaving_) return;
    if (const auto words = options_.must_leave()) {
      is_leaving_ = true;
      consider({table_.failed(*words), now});
    }
  }

  void consider(const News& news) {
    if (verdict_is_out_ || (first_ && !is_before(news, *first_))) return;
    if (!first_) decide_at_ = Clock::now() + kSettle;
    first_ = news;
    for (int rank = 0; rank < size_; ++rank) links_.send(rank, to_message(news, Clock::now()));
  }

  void settle(SteadyTime now) {
    if (!first_ || now < decide_at_) return;
    if (!verdict_is_out_) {
      verdict_is_out_ = true;
      FirstCause& cause = first_->cause;
      cause.is_told_here = table_.is_told_here(cause, now, options_.timeout);
      end_at_ = is_leaving_ ? now : now + options_.grace;
      if (is_leaving_) end_process();
      const std::lock_guard lock(mutex_);
      verdict_->set(cause);
      for (ProcessGroup* group : watched_) group->fail(cause.text);
    }
    if (now >= end_at_) end_process();
  }

  void end_process() {
    links_.flush(kFarewell);
    if (options_.end_process) std::exchange(options_.end_process, nullptr)(first_->cause);
  }

  LivenessOptions options_;
  ProcessGroup& group_;
  std::shared_ptr<Verdict> verdict_ = std::make_shared<Verdict>();
  PeerLinks links_;
  const int own_;
  const int size_;

  std::mutex mutex_;  // guards the next three
  std::vector<ProcessGroup*> watched_;
  bool is_ending_ = false;
  std::optional<LastWords> announced_;

  // The thread's own.
  PeerTable table_;
  SteadyTime next_beat_{};
  std::optional<News> first_;
  SteadyTime decide_at_{};
  SteadyTime end_at_{};
  bool verdict_is_out_ = false;
  bool is_leaving_ = false;
  std::thread thread_;
};

Liveness::Liveness(const Rendezvous& rendezvous, ProcessGroup& group, LivenessOptions options)
    : thread_(std::make_unique<Thread>(rendezvous, group, std::move(options))) {}

Liveness::~Liveness() = default;

void Liveness::watch(ProcessGroup& group) { thread_->watch(group); }

FirstCause Liveness::announce(const LastWords& words) { return thread_->announce(words); }

std::optional<FirstCause> Liveness::first_cause(milliseconds patience) const {
  return thread_->first_cause(patience);
}

}  // namespace llm::dist
