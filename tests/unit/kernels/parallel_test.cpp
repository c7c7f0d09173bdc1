// Oracle: the system's own account of threads and loaded libraries.
#include "kernels/cpu/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace llm::kernels::cpu {
namespace {

class ThreadCount {
 public:
  explicit ThreadCount(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~ThreadCount() { at::set_num_threads(before_); }

 private:
  int before_;
};

TEST(Parallel, PartsRunOnThreadsOfTheirOwn) {
  const ThreadCount two(2);
  std::array<std::thread::id, 2> threads;
  parallel_parts(2, 1, [&](int64_t part, int64_t, int64_t) {
    threads[static_cast<size_t>(part)] = std::this_thread::get_id();
  });
  EXPECT_NE(threads[0], threads[1]) << "built without -fopenmp";
}

TEST(Parallel, OneOpenMpRunTimeIsLoaded) {
  std::set<std::string> paths;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const size_t at = line.find('/');
    if (at != std::string::npos && line.find("libgomp") != std::string::npos) {
      paths.insert(line.substr(at));
    }
  }
  EXPECT_EQ(paths.size(), 1U);
}

TEST(Parallel, PartsCoverTheRangeOnce) {
  const ThreadCount three(3);
  for (const int64_t n : {1, 2, 3, 7, 1000}) {
    std::vector<int> seen(static_cast<size_t>(n));
    parallel_parts(n, 1, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
    });
    EXPECT_EQ(std::count(seen.begin(), seen.end(), 1), n);
  }
}

}  // namespace
}  // namespace llm::kernels::cpu
