// Oracle: SafetensorsWriter, which writes the same file alone and front to back.
#include "llm/io/safetensors_parts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "llm/core/error.h"
#include "llm/io/fault_hook.h"
#include "support/paths.h"
#include "support/temp_directory.h"

namespace llm::io {
namespace {

std::vector<TensorEntry> part_entries() {
  return {{"a", TensorDtype::kF32, {7, 3}},
          {"empty", TensorDtype::kF32, {0}},
          {"b", TensorDtype::kBF16, {5}},
          {"c", TensorDtype::kU8, {1001}}};
}

std::vector<std::byte> random_bytes(size_t count, std::mt19937& random) {
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

TEST(SafetensorsParts, ManyWritersMakeTheFileOfOne) {
  const test::TempDirectory folder;
  std::mt19937 random(1);
  create_safetensors(folder / "parts", part_entries(), {{"k", "v"}});
  SafetensorsWriter whole(folder / "whole", part_entries(), {{"k", "v"}});
  SafetensorsParts writers[2]{SafetensorsParts(folder / "parts"),
                              SafetensorsParts(folder / "parts")};
  for (const TensorEntry& entry : part_entries()) {
    int64_t count = dtype_size(entry.dtype);
    for (const int64_t size : entry.shape) count *= size;
    const auto bytes = random_bytes(static_cast<size_t>(count), random);
    whole.write_next(bytes);
    for (size_t begin = 0; begin < bytes.size();) {
      const size_t size = std::min<size_t>(1 + random() % 20, bytes.size() - begin);
      writers[random() % 2].write(entry.name, begin, std::span(bytes).subspan(begin, size));
      begin += size;
    }
  }
  whole.commit();
  for (SafetensorsParts& writer : writers) writer.sync();
  EXPECT_EQ(test::read_bytes(folder / "parts"), test::read_bytes(folder / "whole"));
}

TEST(SafetensorsParts, FaultsOfTheSystemAreErrors) {
  const test::TempDirectory folder;
  create_safetensors(folder / "parts", part_entries());
  EXPECT_THROW(create_safetensors(folder / "parts", part_entries()), core::IoError);
  EXPECT_THROW(create_safetensors(folder / "nowhere/parts", part_entries()), core::IoError);
  SafetensorsParts writer(folder / "parts");
  const std::byte byte{1};
  for (const FileAction failing : {FileAction::kWrite, FileAction::kSync}) {
    set_fault_hook([&](const FileOperation& op) { return op.action == failing ? ENOSPC : 0; });
    const auto act = [&] {
      writer.write("c", 0, {&byte, 1});
      writer.sync();
    };
    EXPECT_THROW(act(), core::IoError);
    set_fault_hook({});
  }
}

}  // namespace
}  // namespace llm::io
