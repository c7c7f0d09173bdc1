#include "text/parallel_word_counter.h"

#include <utility>

#include "llm/core/check.h"

namespace llm::text {
namespace {

constexpr size_t kBatchBytes = size_t{1} << 20;
constexpr size_t kMaxQueued = 16;  // batches

}  // namespace

ParallelWordCounter::ParallelWordCounter(const PreTokenizer& pre_tokenizer, int num_threads)
    : pre_tokenizer_(pre_tokenizer), counters_(num_threads) {
  LLM_CHECK(num_threads > 0, "{} threads", num_threads);
  for (WordCounter& counter : counters_) workers_.emplace_back([this, &counter] { work(counter); });
}

ParallelWordCounter::~ParallelWordCounter() { stop(); }

void ParallelWordCounter::add(std::string_view text) {
  std::unique_lock lock(mutex_);
  LLM_CHECK(!stopping_, "text was added after the end");
  open_batch_.emplace_back(text);
  open_bytes_ += text.size();
  if (open_bytes_ < kBatchBytes) return;
  Batch batch = std::exchange(open_batch_, {});
  open_bytes_ = 0;
  has_room_.wait(lock, [&] { return queue_.size() < kMaxQueued; });
  queue_.push_back(std::move(batch));
  has_work_.notify_one();
}

void ParallelWordCounter::work(WordCounter& counter) {
  while (true) {
    Batch batch;
    {
      std::unique_lock lock(mutex_);
      has_work_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch = std::move(queue_.front());
      queue_.pop_front();
    }
    has_room_.notify_one();
    try {
      for (const std::string& text : batch) count(text, counter);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }
}

void ParallelWordCounter::count(std::string_view text, WordCounter& counter) const {
  pre_tokenizer_.split(text, [&](std::string_view word) {
    for (; word.size() > kMaxWordBytes; word.remove_prefix(kMaxWordBytes))
      counter.add(word.substr(0, kMaxWordBytes));
    counter.add(word);
  });
}

void ParallelWordCounter::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!open_batch_.empty()) queue_.push_back(std::exchange(open_batch_, {}));
    stopping_ = true;
  }
  has_work_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

WordCounter ParallelWordCounter::finish() {
  stop();
  if (failure_) std::rethrow_exception(failure_);
  WordCounter total = std::move(counters_[0]);
  for (size_t i = 1; i < counters_.size(); ++i) {
    total.merge(counters_[i]);
    counters_[i] = {};
  }
  return total;
}

}  // namespace llm::text
