#include "llm/tensor/memory_stats.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "tensor/cuda/memory.h"

namespace llm::tensor {

namespace {

int64_t bytes_of_line(const char* file, const std::string& key) {
  std::ifstream status(file);
  std::string line;
  while (std::getline(status, line)) {
    if (line.starts_with(key))
      return std::stoll(line.substr(key.size())) << 10;  // the kernel's "kB" are KiB
  }
  return 0;
}

int64_t status_bytes(const std::string& key) { return bytes_of_line("/proc/self/status", key); }

}  // namespace

MemoryStats memory_stats(at::Device device) {
  if (device.is_cuda()) return cuda_memory_stats(device);
  return {status_bytes("VmRSS:"), status_bytes("VmHWM:")};
}

int64_t machine_memory_bytes() {
  const auto physical = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  std::ifstream limit("/sys/fs/cgroup/memory.max");
  int64_t allowed = 0;  // the file holds a number, or "max"
  return limit >> allowed ? std::min(physical, allowed) : physical;
}

int64_t available_memory_bytes() {
  const int64_t free = bytes_of_line("/proc/meminfo", "MemAvailable:");
  std::ifstream limit("/sys/fs/cgroup/memory.max"), used("/sys/fs/cgroup/memory.current");
  int64_t allowed = 0, current = 0;
  const bool is_limited = (limit >> allowed) && (used >> current);
  return is_limited ? std::min(free, std::max<int64_t>(allowed - current, 0)) : free;
}

bool reset_peak_memory() {
  std::ofstream clear("/proc/self/clear_refs");
  clear << "5" << std::flush;
  return clear.good();
}

}  // namespace llm::tensor
