#include "train/execution.h"

#include <ATen/Version.h>
#include <fmt/format.h>

#include <fstream>

#include "llm/core/config.h"
#include "llm/io/hash.h"

namespace llm::train {

namespace {

// "Intel(R) Xeon(R) ..., AVX512": kernels are chosen by it.
std::string processor() {
  std::ifstream lines("/proc/cpuinfo");
  std::string model = "unknown processor";
  for (std::string line; std::getline(lines, line);) {
    const size_t colon = line.find(':');
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    model = line.substr(std::min(colon + 2, line.size()));
    break;
  }
  return fmt::format("{}, {}", model, at::get_cpu_capability());
}

std::string name_of(optim::ReduceDtype dtype) {
  for (const auto& [value, name] : optim::config_enum_names(dtype)) {
    if (value == dtype) return name;
  }
  return "?";
}

}  // namespace

std::string program_fingerprint() { return io::hex64(io::xxh3_file("/proc/self/exe")); }

Execution execution_of(const SessionOptions& options, const DistSection& dist) {
  Execution execution = {{"ranks", std::to_string(options.group->size())},
                         {"threads", std::to_string(options.num_threads)},
                         {"device", options.device.is_cuda() ? "cuda" : "cpu"},
                         {"processor", processor()},
                         {"program", program_fingerprint()}};
  if (options.group->size() == 1) return execution;
  execution["dist.zero"] = std::to_string(dist.zero);
  execution["dist.bucket_mib"] = std::to_string(dist.bucket_mib);
  execution["dist.reduce_dtype"] = name_of(dist.reduce_dtype);
  return execution;
}

std::string execution_changes(const Execution& before, const Execution& now) {
  std::string changes;
  for (const auto& [key, value] : now) {
    const auto found = before.find(key);
    if (found == before.end() || found->second == value) continue;
    changes += fmt::format("{}{} {} -> {}", changes.empty() ? "" : ", ", key, found->second, value);
  }
  return changes;
}

}  // namespace llm::train
