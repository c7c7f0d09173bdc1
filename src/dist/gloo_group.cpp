#include "dist/gloo_group.h"

#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <omp.h>

#include <utility>

#include "dist/sigpipe.h"
#include "llm/core/check.h"
#include "llm/core/error.h"

namespace llm::dist {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kSmallBytes = 1024;  // up to here a hop less is worth more than a byte less

void check_tensor(const at::Tensor& flat) {
  LLM_CHECK(flat.device().is_cpu() && flat.is_contiguous(), "a collective of the CPU over {} {}",
            flat.device().str(), flat.is_contiguous() ? "tensor" : "tensor with gaps");
  const at::ScalarType type = flat.scalar_type();
  LLM_CHECK(type == at::kFloat || type == at::kDouble || type == at::kBFloat16 || type == at::kLong,
            "a collective over {}", c10::toString(type));
}

// Additions belong to this thread alone: a team of OpenMP threads of its own would compete with
// the backward pass. The first call makes LibTorch set up its count, the second replaces it.
void use_one_thread() {
  at::get_num_threads();
  ::omp_set_num_threads(1);
}

TrafficCount& column(Traffic& traffic, Payload payload) {
  switch (payload) {
    case Payload::kGradient:
      return traffic.gradient;
    case Payload::kParameter:
      return traffic.parameter;
    case Payload::kControl:
      break;
  }
  return traffic.control;
}

}  // namespace

class GlooGroup::Task final : public Work {
 public:
  Task(const char* name, Call call, std::function<void(Ring&)> body)
      : name_(name), call_(std::move(call)), body_(std::move(body)), issued_(SteadyClock::now()) {}

  // "all_reduce of gradient bucket 3 of step 12"
  std::string title(int64_t step) const {
    const std::string place = fmt::format("step {}", step);
    const bool is_said = step == 0 || call_.label.ends_with(place);
    return fmt::format("{} of {}{}", name_, call_.label, is_said ? "" : ", " + place);
  }

  void wait() override {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return is_finished_; });
    if (error_) std::rethrow_exception(error_);
  }
  bool is_done() override {
    const std::lock_guard lock(mutex_);
    return is_finished_;
  }

  void run(Ring& ring) { body_(ring); }
  // Lets go of the tensors before anyone who waits goes on.
  void finish(std::exception_ptr error) {
    body_ = nullptr;
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    is_finished_ = true;
    finished_.notify_all();
  }

  const char* name() const { return name_; }
  const Call& call() const { return call_; }
  SteadyClock::time_point issued() const { return issued_; }

 private:
  const char* name_;
  Call call_;
  std::function<void(Ring&)> body_;
  SteadyClock::time_point issued_;
  std::mutex mutex_;
  std::condition_variable finished_;
  bool is_finished_ = false;
  std::exception_ptr error_;
};

GlooGroup::GlooGroup(const Rendezvous& rendezvous, const GroupOptions& options)
    : transport_(rendezvous, options.name, options.timeout),
      ring_(transport_),
      observer_(options.observer),
      name_(rendezvous.peers[static_cast<size_t>(rendezvous.launch.rank)].name()),
      thread_([this] { serve(); }) {}

GlooGroup::~GlooGroup() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  transport_.fail("the group was destroyed");
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<Work> GlooGroup::issue(const char* name, Call call,
                                       std::function<void(Ring&)> body) {
  auto task = std::make_shared<Task>(name, std::move(call), std::move(body));
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(task);
    ++position_.issued;
    position_.newest = task->title(position_.step);
  }
  changed_.notify_all();
  return task;
}

void GlooGroup::serve() {
  const c10::NoGradGuard no_grad;
  const SigpipeBlock block;
  use_one_thread();
  int64_t num_begun = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return is_ending_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const std::shared_ptr<Task> task = std::move(queue_.front());
    queue_.pop_front();
    ++num_begun;
    transport_.note_movement();
    position_.running = num_begun;
    position_.running_name = task->title(position_.step);
    lock.unlock();
    carry_out(*task);
    lock.lock();
    position_.running = 0;
  }
}

void GlooGroup::carry_out(Task& task) {
  const auto begin = SteadyClock::now();
  const int64_t sent_before = transport_.bytes_sent();
  try {
    if (!failure_) task.run(ring_);
  } catch (const TransferFailure& failure) {
    failure_ = error_of(task, failure);
  } catch (const std::exception&) {
    failure_ = std::current_exception();
  }
  const int64_t bytes_sent = transport_.bytes_sent() - sent_before;
  if (!failure_) count(task, bytes_sent);
  if (!failure_ && observer_) {
    observer_(
        {task.name(), task.call().label, bytes_sent, task.issued(), begin, SteadyClock::now()});
  }
  task.finish(failure_);
}

std::exception_ptr GlooGroup::error_of(const Task& task, const TransferFailure& failure) {
  FindCause find_cause;
  std::string title;
  {
    const std::lock_guard lock(mutex_);
    find_cause = find_cause_;
    title = task.title(position_.step);
  }
  const bool is_cause = failure.is_told || !find_cause;
  return std::make_exception_ptr(core::DistError(
      {fmt::format("{} on {}", title, name_), "an answer from every rank",
       is_cause ? failure.what() : find_cause(failure.what()),
       find_cause ? "Start all ranks again: they resume from the last checkpoint"
                  : "The rank that failed first has the cause in its own messages; start all ranks "
                    "again to resume from the last checkpoint"}));
}

void GlooGroup::set_step(int64_t step) {
  const std::lock_guard lock(mutex_);
  position_.step = step;
}

Position GlooGroup::position() const {
  const std::lock_guard lock(mutex_);
  Position position = position_;
  position.moved = transport_.moved();
  return position;
}

void GlooGroup::watch_with(FindCause find_cause) {
  transport_.wait_without_limit();
  const std::lock_guard lock(mutex_);
  find_cause_ = std::move(find_cause);
}

void GlooGroup::count(const Task& task, int64_t bytes_sent) {
  const std::lock_guard lock(mutex_);
  TrafficCount& counted = column(traffic_, task.call().payload);
  counted.bytes_sent += bytes_sent;
  ++counted.collectives;
}

Traffic GlooGroup::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

std::shared_ptr<Work> GlooGroup::all_reduce_async(const at::Tensor& flat, Call call) {
  check_tensor(flat);
  const bool is_small = call.payload == Payload::kControl && flat.nbytes() <= kSmallBytes;
  return issue("all_reduce", std::move(call), [flat, is_small](Ring& ring) {
    if (is_small) return ring.exchange_and_add(flat);
    ring.reduce_scatter(flat);
    ring.all_gather(flat);
  });
}

std::shared_ptr<Work> GlooGroup::reduce_scatter_async(const at::Tensor& flat, Call call) {
  check_tensor(flat);
  return issue("reduce_scatter", std::move(call),
               [flat](Ring& ring) { ring.reduce_scatter(flat); });
}

std::shared_ptr<Work> GlooGroup::all_gather_async(const at::Tensor& flat, Call call) {
  check_tensor(flat);
  return issue("all_gather", std::move(call), [flat](Ring& ring) { ring.all_gather(flat); });
}

std::shared_ptr<Work> GlooGroup::broadcast_async(const at::Tensor& flat, int root, Call call) {
  check_tensor(flat);
  LLM_CHECK(root >= 0 && root < size(), "a broadcast from rank {} of {}", root, size());
  return issue("broadcast", std::move(call),
               [flat, root](Ring& ring) { ring.broadcast(flat, root); });
}

std::vector<std::string> GlooGroup::all_gather_bytes(const std::string& bytes,
                                                     const std::string& label) {
  std::vector<std::string> all;
  issue("all_gather_bytes", {Payload::kControl, label}, [&](Ring& ring) {
    all = ring.exchange(bytes);
  })->wait();
  return all;
}

void GlooGroup::barrier(const std::string& label) {
  const at::Tensor nothing = at::zeros({1}, at::kByte);
  issue("barrier", {Payload::kControl, label}, [&](Ring& ring) {
    ring.exchange_and_add(nothing);
  })->wait();
}

}  // namespace llm::dist
