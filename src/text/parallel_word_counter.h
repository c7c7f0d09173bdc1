// Counts the words of many documents with worker threads. Counts are sums, so their result does not
// depend on how documents fall to threads.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "text/pre_tokenizer.h"
#include "text/word_counter.h"

namespace llm::text {

class ParallelWordCounter {
 public:
  // Words longer than this are counted in parts: in text they are noise (base64, rows of dashes),
  // and the merge loop walks a whole word for each merge inside it.
  static constexpr size_t kMaxWordBytes = 256;

  ParallelWordCounter(const PreTokenizer& pre_tokenizer, int num_threads);
  ~ParallelWordCounter();
  ParallelWordCounter(const ParallelWordCounter&) = delete;
  ParallelWordCounter& operator=(const ParallelWordCounter&) = delete;

  // Thread-safe; waits while the workers are behind. Requires: valid UTF-8, finish() not called.
  void add(std::string_view text);
  // Waits for the workers and joins their counts. Throws what a worker threw.
  WordCounter finish();

 private:
  using Batch = std::vector<std::string>;
  void work(WordCounter& counter);
  void count(std::string_view text, WordCounter& counter) const;
  void stop();

  const PreTokenizer& pre_tokenizer_;
  std::mutex mutex_;
  std::condition_variable has_work_;
  std::condition_variable has_room_;
  std::deque<Batch> queue_;
  Batch open_batch_;
  size_t open_bytes_ = 0;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<WordCounter> counters_;  // one per worker
  std::vector<std::thread> workers_;
};

}  // namespace llm::text
