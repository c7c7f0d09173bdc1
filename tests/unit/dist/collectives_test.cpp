// Oracle: a plain loop over all ranks' inputs, in the documented order of additions; formulas of
// the payload.
#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <thread>

#include "llm/dist/process_group.h"
#include "support/ranks.h"

namespace llm::dist {
namespace {

using test::run_ranks;
using Group = std::unique_ptr<ProcessGroup>;

constexpr std::array<int64_t, 12> kSizes{0, 1, 15, 16, 17, 47, 48, 64, 997, 1000, 4096, 700001};

template <class T>
T input(int rank, int64_t i) {
  const uint64_t bits =
      (static_cast<uint64_t>(i) * 2654435761U + static_cast<uint64_t>(rank) * 40503U) % 2000003U;
  if constexpr (std::is_same_v<T, int64_t>) return static_cast<int64_t>(bits) - 1000000;
  return static_cast<T>(static_cast<float>(bits) / 700001.0F - 1.4F);
}

template <class T>
std::vector<T> inputs(int rank, int64_t n) {
  std::vector<T> values(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) values[static_cast<size_t>(i)] = input<T>(rank, i);
  return values;
}

template <class T>
T plus(T a, T b) {
  if constexpr (std::is_same_v<T, c10::BFloat16>) {
    return static_cast<c10::BFloat16>(static_cast<float>(a) + static_cast<float>(b));
  } else {
    return a + b;
  }
}

// Which rank owns element i, from the definition: W equal parts of a multiple of 16, the rest last.
int owner(int64_t i, int64_t n, int world_size) {
  const int64_t part = n / (16 * world_size) * 16;
  return part == 0 ? world_size - 1 : static_cast<int>(std::min<int64_t>(i / part, world_size - 1));
}

// x[s+1] + x[s+2] + ... + x[s].
template <class T>
T ring_sum(int64_t i, int64_t n, int world_size) {
  const int shard = owner(i, n, world_size);
  T sum = input<T>((shard + 1) % world_size, i);
  for (int k = 2; k <= world_size; ++k) {
    sum = plus(sum, input<T>((shard + k) % world_size, i));
  }
  return sum;
}

template <class T>
at::Tensor tensor_of(std::vector<T>& values) {
  return at::from_blob(values.data(), {static_cast<int64_t>(values.size())},
                       c10::CppTypeToScalarType<T>::value);
}

// Bit for bit; the first difference in words.
template <class T>
::testing::AssertionResult are_same(const std::vector<T>& got, const std::vector<T>& expected) {
  if (got.size() != expected.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::memcmp(&got[i], &expected[i], sizeof(T)) == 0) continue;
    return ::testing::AssertionFailure()
           << "element " << i << " of " << got.size() << ": " << static_cast<double>(got[i])
           << ", expected " << static_cast<double>(expected[i]);
  }
  return ::testing::AssertionSuccess();
}

class Collectives : public ::testing::TestWithParam<int> {
 protected:
  int world_size() const { return GetParam(); }
  void expect_no_errors(const std::function<void(Group&, int)>& body,
                        const GroupOptions& options = {}) const {
    EXPECT_EQ(run_ranks(world_size(), body, options), test::no_errors(world_size()));
  }
};

template <class T>
void check_sums(ProcessGroup& group, int64_t n) {
  const int rank = group.rank(), world_size = group.size();
  std::vector<T> expected(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) expected[static_cast<size_t>(i)] = ring_sum<T>(i, n, world_size);

  std::vector<T> all = inputs<T>(rank, n);
  group.all_reduce(tensor_of(all), {Payload::kGradient, "sums"});
  EXPECT_TRUE(are_same(all, expected)) << "all_reduce, rank " << rank << ", n " << n;

  std::vector<T> part = inputs<T>(rank, n);
  group.reduce_scatter(tensor_of(part), {Payload::kGradient, "sums"});
  for (int64_t i = 0; i < n; ++i) {
    const auto at = static_cast<size_t>(i);
    if (owner(i, n, world_size) != rank) part[at] = T(77);  // unspecified there
  }
  group.all_gather(tensor_of(part), {Payload::kParameter, "sums"});
  EXPECT_TRUE(are_same(part, expected)) << "reduce_scatter, rank " << rank << ", n " << n;
}

TEST_P(Collectives, SumInTheDocumentedOrder) {
  expect_no_errors([](Group& group, int) {
    for (const int64_t n : kSizes) {
      check_sums<float>(*group, n);
      check_sums<double>(*group, n);
      check_sums<int64_t>(*group, n);
      check_sums<c10::BFloat16>(*group, n);
    }
  });
}

// The order within bounds of the sum in fp64: u W for each rounding of at most W - 1.
TEST_P(Collectives, BFloat16StaysWithinItsBound) {
  constexpr int64_t kCount = 5000;
  expect_no_errors([&](Group& group, int rank) {
    std::vector<c10::BFloat16> values = inputs<c10::BFloat16>(rank, kCount);
    group->all_reduce(tensor_of(values), {Payload::kGradient, "bound"});
    for (int64_t i = 0; i < kCount; ++i) {
      double sum = 0, magnitude = 0;
      for (int r = 0; r < world_size(); ++r) {
        const double term = static_cast<float>(input<c10::BFloat16>(r, i));
        sum += term;
        magnitude += std::abs(term);
      }
      const double bound = magnitude * (world_size() - 1) * 0x1p-8;
      ASSERT_NEAR(static_cast<float>(values[static_cast<size_t>(i)]), sum, bound);
    }
  });
}

TEST_P(Collectives, BroadcastFromEveryRoot) {
  expect_no_errors([&](Group& group, int rank) {
    for (const int64_t n : kSizes) {
      for (int root = 0; root < world_size(); ++root) {
        std::vector<float> values = inputs<float>(rank, n);
        group->broadcast(tensor_of(values), root, {Payload::kParameter, "broadcast"});
        EXPECT_TRUE(are_same(values, inputs<float>(root, n))) << rank << " " << root;
      }
    }
  });
}

// Small control payloads take another way: in rank order, the same bits everywhere.
TEST_P(Collectives, SumControlVectorsInRankOrder) {
  expect_no_errors([&](Group& group, int rank) {
    for (const int64_t n : {0, 1, 3, 17, 128}) {
      std::vector<double> values = inputs<double>(rank, n), expected = inputs<double>(0, n);
      for (int r = 1; r < world_size(); ++r) {
        for (int64_t i = 0; i < n; ++i) expected[static_cast<size_t>(i)] += input<double>(r, i);
      }
      group->all_reduce(tensor_of(values), {Payload::kControl, "weights"});
      EXPECT_TRUE(are_same(values, expected));
    }
  });
}

TEST_P(Collectives, GatherTexts) {
  expect_no_errors([&](Group& group, int rank) {
    const auto text = [](int r) {
      return std::string(static_cast<size_t>(r == 1 ? 0 : 1000 * r + 1), static_cast<char>(r));
    };
    std::vector<std::string> expected;
    for (int r = 0; r < world_size(); ++r) expected.push_back(text(r));
    EXPECT_EQ(group->all_gather_bytes(text(rank), "texts"), expected);
  });
}

TEST_P(Collectives, RepeatBitForBitWhateverTheTiming) {
  constexpr int64_t kCount = 200003;
  expect_no_errors([&](Group& group, int rank) {
    std::vector<float> first;
    for (int repetition = 0; repetition < 10; ++repetition) {
      std::vector<float> values = inputs<float>(rank, kCount);
      std::this_thread::sleep_for(std::chrono::milliseconds((rank * 7 + repetition * 5) % 11));
      group->all_reduce(tensor_of(values), {Payload::kGradient, "again"});
      if (repetition == 0) first = values;
      EXPECT_TRUE(are_same(values, first));
    }
  });
}

// Sums of sums come out right only in the order of the calls; waiting order does not matter.
TEST_P(Collectives, RunInTheOrderOfTheCalls) {
  expect_no_errors([&](Group& group, int rank) {
    std::vector<int64_t> values = inputs<int64_t>(rank, 5000);
    const at::Tensor flat = tensor_of(values);
    std::vector<std::shared_ptr<Work>> works;
    works.push_back(group->all_reduce_async(flat, {Payload::kGradient, "first"}));
    works.push_back(group->reduce_scatter_async(flat, {Payload::kGradient, "second"}));
    works.push_back(group->all_gather_async(flat, {Payload::kParameter, "third"}));
    works.push_back(group->broadcast_async(flat, 0, {Payload::kParameter, "fourth"}));
    works.push_back(group->all_reduce_async(flat, {Payload::kGradient, "fifth"}));
    group->barrier("sixth");
    for (const auto& work : works) EXPECT_TRUE(work->is_done());
    for (auto work = works.rbegin(); work != works.rend(); ++work) (*work)->wait();
    std::vector<int64_t> expected(values.size());
    const int64_t times = static_cast<int64_t>(world_size()) * world_size();
    for (int64_t i = 0; i < 5000; ++i) {
      expected[static_cast<size_t>(i)] = ring_sum<int64_t>(i, 5000, world_size()) * times;
    }
    EXPECT_TRUE(are_same(values, expected));
  });
}

TEST_P(Collectives, CountTheirPayload) {
  const int64_t w = world_size();
  expect_no_errors([&](Group& group, int rank) {
    const int64_t even = 16 * w * 1000, uneven = even + 13;
    std::vector<float> values(static_cast<size_t>(uneven));
    const at::Tensor flat = tensor_of(values);
    group->all_reduce(flat.narrow(0, 0, even), {Payload::kGradient, "even"});
    EXPECT_EQ(group->traffic().gradient.bytes_sent, 2 * even * 4 * (w - 1) / w);
    group->reduce_scatter(flat.narrow(0, 0, even), {Payload::kGradient, "even"});
    EXPECT_EQ(group->traffic().gradient.bytes_sent, 3 * even * 4 * (w - 1) / w);
    group->all_gather(flat.narrow(0, 0, even), {Payload::kParameter, "even"});
    EXPECT_EQ(group->traffic().parameter.bytes_sent, even * 4 * (w - 1) / w);
    group->reduce_scatter(flat, {Payload::kParameter, "uneven"});
    const int64_t own = even / w + (rank == w - 1 ? 13 : 0);
    if (w > 1) {
      EXPECT_EQ(group->traffic().parameter.bytes_sent, even * 4 * (w - 1) / w + 4 * (uneven - own));
    }
    EXPECT_EQ(group->traffic().control.bytes_sent, 0);
    group->all_reduce(flat.narrow(0, 0, 256), {Payload::kControl, "small"});
    group->all_gather_bytes("abc", "texts");
    group->barrier("end");
    EXPECT_EQ(group->traffic().control.bytes_sent, (w - 1) * (1024 + 8 + 3 + 1));
    EXPECT_EQ(group->traffic().control.collectives, w > 1 ? 3 : 0);
    EXPECT_EQ(group->traffic().gradient.collectives, w > 1 ? 2 : 0);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, Collectives, ::testing::Values(1, 2, 3, 4),
                         ::testing::PrintToStringParamName());

TEST(CollectiveTimings, ReachTheObserver) {
  std::mutex mutex;
  std::vector<CollectiveTiming> seen;
  GroupOptions options;
  options.observer = [&](const CollectiveTiming& timing) {
    const std::lock_guard lock(mutex);
    seen.push_back(timing);
  };
  const test::Errors errors = run_ranks(
      2,
      [](Group& group, int) {
        std::vector<float> values(100);
        group->all_reduce(tensor_of(values), {Payload::kGradient, "bucket 5"});
        group->barrier("end");
      },
      options);
  EXPECT_EQ(errors, test::no_errors(2));
  ASSERT_EQ(seen.size(), 4U);
  for (const CollectiveTiming& timing : seen) {
    EXPECT_LE(timing.issued, timing.begin);
    EXPECT_LE(timing.begin, timing.end);
    EXPECT_EQ(timing.label, timing.name == "all_reduce" ? "bucket 5" : "end");
  }
}

size_t num_threads_of_process() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(tasks), end(tasks)));
}

// Teams of OpenMP threads belong to a thread: one for additions would compete with the model's.
TEST(CollectiveThreads, HaveNoTeams) {
  const int num_threads = at::get_num_threads();
  at::set_num_threads(4);
  size_t before = 0, after = 0;
  const test::Errors errors = run_ranks(2, [&](Group& group, int rank) {
    std::vector<float> values(1 << 20, 1.0F);
    group->barrier("start");
    if (rank == 0) before = num_threads_of_process();
    group->all_reduce(tensor_of(values), {Payload::kGradient, "large"});
    if (rank == 0) after = num_threads_of_process();
    group->barrier("end");
  });
  at::set_num_threads(num_threads);
  EXPECT_EQ(errors, test::no_errors(2));
  EXPECT_EQ(after, before);
}

TEST(ShardRange, CoversEverythingInOrder) {
  for (int64_t n = 0; n < 700; ++n) {
    for (int world_size = 1; world_size <= 9; ++world_size) {
      int64_t end = 0;
      for (int rank = 0; rank < world_size; ++rank) {
        const Range range = shard_range(n, world_size, rank);
        ASSERT_EQ(range.begin, end);
        ASSERT_GE(range.size(), 0);
        ASSERT_EQ(range.begin % 16, 0);
        ASSERT_TRUE(rank == world_size - 1 || range.size() == shard_range(n, world_size, 0).size());
        end = range.end;
      }
      ASSERT_EQ(end, n);
      ASSERT_LT(
          shard_range(n, world_size, world_size - 1).size() - shard_range(n, world_size, 0).size(),
          16 * world_size + (world_size == 1 ? n : 0));
    }
  }
}

}  // namespace
}  // namespace llm::dist
