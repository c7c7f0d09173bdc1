// The ProcessGroup of the CPU: a queue of operations and one thread that carries them out.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dist/ring.h"
#include "dist/transport.h"
#include "llm/dist/process_group.h"

namespace llm::dist {

class GlooGroup final : public ProcessGroup {
 public:
  // Throws: DistError.
  GlooGroup(const Rendezvous& rendezvous, const GroupOptions& options);
  // Operations that are not over fail, here and, as their connections close, on the other ranks.
  ~GlooGroup() override;

  int rank() const override { return transport_.rank(); }
  int size() const override { return transport_.size(); }
  std::shared_ptr<Work> all_reduce_async(const at::Tensor& flat, Call call) override;
  std::shared_ptr<Work> reduce_scatter_async(const at::Tensor& flat, Call call) override;
  std::shared_ptr<Work> all_gather_async(const at::Tensor& flat, Call call) override;
  std::shared_ptr<Work> broadcast_async(const at::Tensor& flat, int root, Call call) override;
  std::vector<std::string> all_gather_bytes(const std::string& bytes,
                                            const std::string& label) override;
  void barrier(const std::string& label) override;
  void fail(const std::string& reason) override { transport_.fail(reason); }
  void set_step(int64_t step) override;
  Position position() const override;
  void watch_with(FindCause find_cause) override;
  Traffic traffic() const override;

 private:
  class Task;
  std::shared_ptr<Work> issue(const char* name, Call call, std::function<void(Ring&)> body);
  void serve();
  void carry_out(Task& task);
  std::exception_ptr error_of(const Task& task, const TransferFailure& failure);
  void count(const Task& task, int64_t bytes_sent);

  Transport transport_;
  Ring ring_;
  std::function<void(const CollectiveTiming&)> observer_;
  std::string name_;            // "rank 1 (node-b, process 12)"
  std::exception_ptr failure_;  // of the first operation that failed; the thread's own

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Task>> queue_;
  bool is_ending_ = false;
  Position position_;  // but for `moved`
  FindCause find_cause_;
  Traffic traffic_;
  std::thread thread_;
};

}  // namespace llm::dist
