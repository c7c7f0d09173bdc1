// produce -> work on many threads -> consume in the order of production.
//
// Memory is bounded: the costs of all items between produce and consume stay below a limit (one
// item may exceed it alone). What any stage throws comes out of run() at that item's turn, so the
// first problem in input order is the one reported, whatever the number of threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace llm::corpus {

template <class Item, class Result>
class OrderedPipeline {
 public:
  struct Stages {
    std::function<std::optional<Item>()> produce;  // nothing: the end. On a thread of its own
    std::function<size_t(const Item&)> cost;
    std::function<Result(Item)> work;     // on num_threads threads
    std::function<void(Result)> consume;  // on the calling thread
  };

  OrderedPipeline(Stages stages, size_t max_cost)
      : stages_(std::move(stages)), max_cost_(max_cost) {}

  // Once. With one thread everything happens on the calling thread.
  void run(int num_threads) {
    if (num_threads <= 1) {
      while (auto item = stages_.produce()) stages_.consume(stages_.work(std::move(*item)));
      return;
    }
    const Stop stop_at_end(*this);
    threads_.emplace_back([this] { produce_all(); });
    for (int i = 0; i < num_threads; ++i) threads_.emplace_back([this] { work_all(); });
    consume_all();
  }

 private:
  struct Slot {
    std::optional<Item> item;
    size_t cost = 0;
    std::optional<Result> result;
    std::exception_ptr error;
    bool is_done = false;
  };
  using SlotPtr = std::shared_ptr<Slot>;

  struct Stop {
    explicit Stop(OrderedPipeline& owner) : pipeline(owner) {}
    ~Stop() {
      {
        const std::lock_guard lock(pipeline.mutex_);
        pipeline.is_stopped_ = true;
      }
      pipeline.changed_.notify_all();
      pipeline.threads_.clear();  // joins
    }
    Stop(const Stop&) = delete;
    Stop& operator=(const Stop&) = delete;
    OrderedPipeline& pipeline;
  };

  void produce_all() {
    bool is_ended = false;
    while (!is_ended) {
      auto slot = std::make_shared<Slot>();
      try {
        slot->item = stages_.produce();
        is_ended = !slot->item;
        if (!is_ended) slot->cost = stages_.cost(*slot->item);
      } catch (...) {
        slot->error = std::current_exception();
        slot->is_done = true;
        is_ended = true;
      }
      std::unique_lock lock(mutex_);
      const auto has_room = [&] { return cost_ == 0 || cost_ + slot->cost <= max_cost_; };
      changed_.wait(lock, [&] { return is_stopped_ || has_room(); });
      if (is_stopped_) return;
      if (slot->item || slot->error) {
        cost_ += slot->cost;
        in_order_.push_back(slot);
        if (slot->item) to_do_.push_back(slot);
      }
      is_produced_ = is_ended;
      changed_.notify_all();
    }
  }

  void work_all() {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return is_stopped_ || is_produced_ || !to_do_.empty(); });
      if (is_stopped_ || to_do_.empty()) return;
      const SlotPtr slot = std::move(to_do_.front());
      to_do_.pop_front();
      lock.unlock();
      try {
        slot->result = stages_.work(std::move(*slot->item));
      } catch (...) {
        slot->error = std::current_exception();
      }
      lock.lock();
      slot->item.reset();
      slot->is_done = true;
      changed_.notify_all();
    }
  }

  void consume_all() {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock,
                    [&] { return in_order_.empty() ? is_produced_ : in_order_.front()->is_done; });
      if (in_order_.empty()) return;
      const SlotPtr slot = std::move(in_order_.front());
      in_order_.pop_front();
      lock.unlock();
      if (slot->error) std::rethrow_exception(slot->error);
      stages_.consume(std::move(*slot->result));
      lock.lock();
      cost_ -= slot->cost;
      changed_.notify_all();
    }
  }

  Stages stages_;
  size_t max_cost_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SlotPtr> in_order_;
  std::deque<SlotPtr> to_do_;
  size_t cost_ = 0;
  bool is_produced_ = false;
  bool is_stopped_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace llm::corpus
