#include "tensor/page_release.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "llm/core/arith.h"
#include "llm/core/error.h"
#include "tensor/huge_page.h"

namespace llm::tensor {

namespace {

size_t mapping_bytes(int64_t bytes) {
  return static_cast<size_t>(core::round_up(std::max<int64_t>(bytes, 1), kHugePage));
}

}  // namespace

at::Tensor allocate_pages(int64_t numel, at::ScalarType dtype, at::Device device) {
  const auto options = at::TensorOptions().dtype(dtype).device(device);
  if (!device.is_cpu()) return at::zeros({numel}, options);
  const size_t bytes = mapping_bytes(numel * static_cast<int64_t>(c10::elementSize(dtype)));
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    const int error_number = errno;
    throw core::IoError(
        {"parameter memory", fmt::format("{} MiB", bytes >> 20), std::strerror(error_number),
         "Choose a smaller model, or a machine with more memory (llmtrain plan tells how much)"},
        error_number);
  }
  madvise(memory, bytes, MADV_HUGEPAGE);
  return at::from_blob(
      memory, {numel}, [bytes](void* p) { munmap(p, bytes); }, options);
}

void zero_pages(const at::Tensor& flat) {
  if (!flat.device().is_cpu()) {
    flat.zero_();
    return;
  }
  const size_t bytes = mapping_bytes(static_cast<int64_t>(flat.nbytes()));
  // Private anonymous pages read as zero after MADV_DONTNEED (madvise(2)).
  LLM_CHECK(madvise(flat.data_ptr(), bytes, MADV_DONTNEED) == 0, "madvise: {}",
            std::strerror(errno));
}

}  // namespace llm::tensor
