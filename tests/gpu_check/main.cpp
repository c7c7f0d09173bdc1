// llm_gpu_check test ARGUMENTS...   runs the tests (GoogleTest's arguments)
// llm_gpu_check bench ARGUMENTS...  runs the benches (Google Benchmark's arguments)
#include <benchmark/benchmark.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <string_view>

namespace {

int run_tests(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

int run_benches(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  if (what == "test") return run_tests(argc - 1, argv + 1);
  if (what == "bench") return run_benches(argc - 1, argv + 1);
  std::fprintf(stderr, "usage: llm_gpu_check test|bench ARGUMENTS...\n");
  return 2;
}
