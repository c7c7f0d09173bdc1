#include "train/checkpoint_parts.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <deque>

#include "llm/core/check.h"
#include "llm/io/safetensors_parts.h"

namespace llm::train {

namespace {

namespace fs = std::filesystem;

// The safetensors files of a checkpoint, as one.
class PartFiles {
 public:
  explicit PartFiles(const fs::path& checkpoint) {
    for (const fs::path& folder : {checkpoint, checkpoint / "trainer"}) {
      for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".safetensors") files_.emplace_back(entry.path());
      }
    }
  }

  void write(const std::string& name, uint64_t offset, std::span<const std::byte> bytes) {
    const auto file = std::find_if(files_.begin(), files_.end(),
                                   [&](const auto& candidate) { return candidate.has(name); });
    LLM_CHECK(file != files_.end(), "no file of the checkpoint has {}", name);
    file->write(name, offset, bytes);
  }
  void sync() {
    for (io::SafetensorsParts& file : files_) file.sync();
  }

 private:
  std::deque<io::SafetensorsParts> files_;
};

void write_overlap(PartFiles& files, const StoredRange& stored, const SavedPart& part) {
  const int64_t begin = std::max(stored.range.offset, part.range.offset);
  const int64_t end = std::min(stored.range.end(), part.range.end());
  if (begin >= end) return;
  const at::Tensor host =
      (part.*stored.values).narrow(0, begin - part.range.offset, end - begin).cpu().contiguous();
  const auto offset = (begin - stored.range.offset) * static_cast<int64_t>(host.element_size());
  files.write(stored.name, static_cast<uint64_t>(offset),
              {static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()});
}

}  // namespace

std::vector<SavedPart> parts_of(const tensor::ParameterStore& store,
                                const std::vector<tensor::ArenaRange>& ranges) {
  std::vector<SavedPart> parts;
  int64_t found = 0, asked = 0;
  for (const tensor::ArenaRange& range : ranges) {
    asked += range.numel;
    store.for_each_with_moments(range, [&](const tensor::ArenaRange& part, int64_t moments) {
      parts.push_back({part, store.flat_weights().narrow(0, part.offset, part.numel),
                       store.flat_exp_avg().narrow(0, moments, part.numel),
                       store.flat_exp_avg_sq().narrow(0, moments, part.numel)});
      found += part.numel;
    });
  }
  LLM_CHECK(found == asked, "moments of {} of {} elements", found, asked);
  return parts;
}

std::vector<SavedPart> copy_parts(const std::vector<SavedPart>& parts) {
  const at::NoGradGuard no_grad;
  std::vector<SavedPart> copies = parts;
  for (SavedPart& part : copies) {
    for (at::Tensor* values : {&part.weights, &part.exp_avg, &part.exp_avg_sq})
      *values = values->is_cpu() ? values->clone() : values->cpu();
  }
  return copies;
}

int64_t num_bytes(const std::vector<SavedPart>& parts) {
  int64_t bytes = 0;
  for (const SavedPart& part : parts) bytes += 3 * static_cast<int64_t>(part.weights.nbytes());
  return bytes;
}

void write_parts(const fs::path& checkpoint, const std::vector<StoredRange>& stored,
                 const std::vector<SavedPart>& parts) {
  const at::NoGradGuard no_grad;
  PartFiles files(checkpoint);
  for (const StoredRange& tensor : stored) {
    for (const SavedPart& part : parts) write_overlap(files, tensor, part);
  }
  files.sync();
}

}  // namespace llm::train
