// Oracle: the same three stages run one after the other.
#include "corpus/ordered_pipeline.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace llm::corpus {
namespace {

struct Trial {
  int count = 500;
  int throw_in_work = -1;
  int throw_in_produce = -1;
  int throw_in_consume = -1;
  size_t max_cost = 40;
  std::vector<int> consumed = {};
  size_t most_in_flight = 0;

  void operator()(int num_threads) {
    std::atomic<size_t> in_flight{0};
    int next = 0;
    std::atomic<size_t> most{0};
    OrderedPipeline<int, int> pipeline(
        {.produce = [&]() -> std::optional<int> {
           if (next == throw_in_produce) throw std::out_of_range("produce");
           if (next == count) return std::nullopt;
           return next++;
         },
         .cost = [&](const int&) { return size_t{10}; },
         .work =
             [&](int item) {
               const size_t now = ++in_flight;
               size_t seen = most;
               while (now > seen && !most.compare_exchange_weak(seen, now)) {
               }
               if (item % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
               if (item >= throw_in_work && throw_in_work >= 0) {
                 throw std::runtime_error(std::to_string(item));
               }
               return item * 2;
             },
         .consume =
             [&](int result) {
               --in_flight;
               if (result / 2 == throw_in_consume) throw std::logic_error("consume");
               consumed.push_back(result);
             }},
        max_cost);
    struct Record {
      std::atomic<size_t>& from;
      size_t& to;
      ~Record() { to = from; }
    } record{most, most_in_flight};
    pipeline.run(num_threads);
  }
};

TEST(OrderedPipeline, ConsumesInOrderWithinTheLimit) {
  for (const int num_threads : {1, 2, 3, 8}) {
    Trial run;
    run(num_threads);
    ASSERT_EQ(run.consumed.size(), 500u);
    for (int i = 0; i < 500; ++i) EXPECT_EQ(run.consumed[static_cast<size_t>(i)], 2 * i);
    EXPECT_LE(run.most_in_flight, 4u);
  }
}

TEST(OrderedPipeline, AnItemLargerThanTheLimitGoesAlone) {
  Trial run{.count = 20, .max_cost = 5};
  run(3);
  EXPECT_EQ(run.consumed.size(), 20u);
  EXPECT_EQ(run.most_in_flight, 1u);
}

TEST(OrderedPipeline, ReportsTheEarliestProblem) {
  for (const int num_threads : {1, 4}) {
    Trial run{.throw_in_work = 123};
    try {
      run(num_threads);
      FAIL();
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "123");
    }
    EXPECT_EQ(run.consumed.size(), 123u);
  }
}

TEST(OrderedPipeline, PassesOnWhatProduceAndConsumeThrow) {
  for (const int num_threads : {1, 4}) {
    Trial produce{.throw_in_produce = 50};
    EXPECT_THROW(produce(num_threads), std::out_of_range);
    EXPECT_EQ(produce.consumed.size(), 50u);
    Trial consume{.throw_in_consume = 50};
    EXPECT_THROW(consume(num_threads), std::logic_error);
    EXPECT_EQ(consume.consumed.size(), 50u);
  }
}

TEST(OrderedPipeline, NothingToDo) {
  Trial run{.count = 0};
  run(3);
  EXPECT_TRUE(run.consumed.empty());
}

}  // namespace
}  // namespace llm::corpus
